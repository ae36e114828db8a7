// SPDX-License-Identifier: AGPL-3.0-or-later
/** SIGKILL at random among collections, retention, rollbacks and rebuilds. */
import { join } from 'node:path'
import type { OciCheckReport } from '../../schemas/oci-report.ts'
import { fsck, runTask } from './care-api.ts'
import { digestOf, freshBytes, jsonBytes, manifestOf, TYPES } from './content.ts'
import { type Registry, registryAt } from './registry.ts'
import { basicOf, startSlipway } from './servers.ts'

export interface KillOptions {
  readonly dataDir: string
  readonly kills: number
  readonly seed: number
  /** Ignored between two kills. */
  readonly tell?: (line: string) => void
}

/** One client and its repository: what it was told stands. */
class Client {
  readonly #acknowledged = new Map<string, string>()
  /** It was asked for and not answered: either may be. */
  #pending: string | undefined
  readonly repository: string
  #next = 0

  constructor(repository: string) {
    this.repository = repository
  }

  async #change(tag: string, work: () => Promise<string | undefined>): Promise<void> {
    this.#pending = tag
    const digest = await work()
    if (digest === undefined) this.#acknowledged.delete(tag)
    else this.#acknowledged.set(tag, digest)
    this.#pending = undefined
  }

  async #push(registry: Registry, tag: string): Promise<string> {
    const config = jsonBytes({ unique: Bun.randomUUIDv7() })
    const layer = freshBytes(this.#next % 5 === 0 ? 200_000 : 500)
    const image = jsonBytes(manifestOf(config, [layer]))
    for (;;) {
      for (const bytes of [config, layer]) await registry.pushBlob(this.repository, bytes)
      const put = await registry.putManifest(this.repository, tag, image, TYPES.image)
      if (put.status === 201) return digestOf(image)
      // The collector's grace is nothing here: it may take a blob before its manifest comes.
      if (!put.codes.includes('MANIFEST_BLOB_UNKNOWN')) throw new Error(`push: ${put.status}`)
    }
  }

  /** Pushes, moves and deletes tags until the connection is lost. */
  async work(registry: Registry): Promise<void> {
    for (;;) {
      const at = this.#next++
      const tag = at % 3 === 0 ? 'latest' : `v${at % 8}`
      await this.#change(tag, () => this.#push(registry, tag))
      if (at % 4 === 3) await this.#change('latest', () => this.#rollBack(registry))
      if (at % 6 !== 5) continue
      const gone = `v${(at + 3) % 8}`
      await this.#change(gone, async () => {
        await registry.call('DELETE', `/v2/${this.repository}/manifests/${gone}`)
        return undefined
      })
    }
  }

  async #rollBack(registry: Registry): Promise<string | undefined> {
    const path = `/api/v1/oci/repositories/${encodeURIComponent(this.repository)}/tags/latest/rollback`
    const reply = await registry.call('POST', path, { body: '{}' })
    if (reply.status === 200) return reply.json.digest
    return this.#acknowledged.get('latest')
  }

  /** What of all that was acknowledged does not come back whole. */
  async check(registry: Registry): Promise<string[]> {
    const findings: string[] = []
    for (const [tag, digest] of this.#acknowledged) {
      if (tag === this.#pending) continue
      const manifest = await registry.call('GET', `/v2/${this.repository}/manifests/${tag}`)
      if (manifest.digest !== digest) {
        findings.push(
          `${this.repository}:${tag}: ${manifest.status} ${manifest.digest} not ${digest}`,
        )
        continue
      }
      for (const { digest: layer } of manifest.json.layers as { digest: string }[]) {
        const blob = await registry.call('GET', `/v2/${this.repository}/blobs/${layer}`)
        if (blob.digest !== layer) findings.push(`${layer} of ${tag}: ${blob.status}`)
      }
    }
    this.#pending = undefined
    // What the kill left open is known again.
    for (const tag of ['latest', ...Array.from({ length: 8 }, (_, at) => `v${at}`)]) {
      const { status, digest } = await registry.call(
        'GET',
        `/v2/${this.repository}/manifests/${tag}`,
      )
      if (status === 200) this.#acknowledged.set(tag, digest)
      else this.#acknowledged.delete(tag)
    }
    return findings
  }
}

const TASKS: readonly (readonly [string, object])[] = [
  ['gc', { grace_seconds: 0 }],
  ['retention/apply', {}],
  ['gc', { grace_seconds: 0 }],
  ['scrub', { from_start: true }],
  ['gc', { grace_seconds: 0 }],
  ['rebuild', {}],
]

async function takeCare(registry: Registry): Promise<void> {
  for (let at = 0; ; at++) {
    const [path = '', body = {}] = TASKS[at % TASKS.length] ?? []
    await runTask(registry, path, body)
  }
}

const SETTINGS = [
  ...['oci.gc_every_ms=0', 'oci.scrub_every_ms=0', 'oci.retention_every_ms=0'],
  'oci.scrub_bytes_per_second=1000000000000',
]

const CHECK = join(import.meta.dir, '../../plugins/oci/index.ts')

/** In a process of its own, as the command does it: a database that was closed is held for a while. */
async function checkWhileDown(dataDir: string): Promise<OciCheckReport> {
  const code = `const { checkOffline } = await import(${JSON.stringify(CHECK)})
    console.log(JSON.stringify(await checkOffline(${JSON.stringify(dataDir)}, { content: true })))`
  return await Bun.$`${process.execPath} -e ${code}`.json()
}

/** Kills, looks at the files with the appliance down, starts again and looks at everything. */
export async function killRepeatedly(options: KillOptions): Promise<readonly string[]> {
  const { dataDir, kills, seed, tell = () => undefined } = options
  const findings: string[] = []
  const clients = [new Client('kill/a'), new Client('kill/b'), new Client('kept/c')]
  const rules = { rules: [{ repositories: 'none/**', keep_last: 3 }], immutable: [] }
  for (let kill = 0; kill <= kills; kill++) {
    await using server = await startSlipway({ dataDir, built: false, set: SETTINGS })
    if (!server.login) throw new Error('the appliance has no login')
    const registry = registryAt(server.origin, basicOf(server.login))
    await registry.call('PUT', '/api/v1/oci/retention', { body: JSON.stringify(rules) })
    for (const client of clients) findings.push(...(await client.check(registry)))
    const { findings: online } = await fsck(registry)
    for (const one of online) {
      if (one.kind !== 'stray') findings.push(`kill ${kill}: ${JSON.stringify(one)}`)
    }
    if (kill === kills) return findings
    const working = [...clients.map((client) => client.work(registry)), takeCare(registry)]
    const ended = Promise.allSettled(working)
    await Bun.sleep(300 + ((seed * 7_919 + kill * 104_729) % 1_000))
    process.kill(server.pid, 'SIGKILL')
    await ended
    const offline = await checkWhileDown(dataDir)
    // The index follows the rows by a second: the next start writes it anew.
    const real = offline.findings.filter(({ kind }) => kind !== 'stray' && kind !== 'index')
    findings.push(...real.map((one) => `down after kill ${kill}: ${JSON.stringify(one)}`))
    tell(`kill ${kill + 1}: ${offline.checked} objects, ${findings.length} findings`)
  }
  return findings
}
