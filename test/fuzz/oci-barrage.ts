// SPDX-License-Identifier: AGPL-3.0-or-later

import { type RunningAppliance, startAppliance } from '../harness.ts'
import { fsck } from '../oci/care-api.ts'
import { digestOf } from '../oci/content.ts'
import { addUser, plainOrigin, type Registry, registryAt } from '../oci/registry.ts'
import type { Chance } from './chance.ts'
import { type OciShot, type OciTargets, ociShot } from './oci-mutation.ts'
import { badLines } from './stage.ts'

const AT_ONCE = 16
/** The computer may be busy; a call that hangs never ends. */
const ANSWER_MS = 30_000
/** 501 and 505: what HTTP itself calls a method or version that a server does not know. 507: the disk is full. */
const NO_BUG: ReadonlySet<number> = new Set([501, 505, 507])

/** An appliance whose registry is under fire. */
export interface OciRange extends AsyncDisposable {
  readonly running: RunningAppliance
  readonly statuses: Set<number>
  readonly findings: string[]
  fire(count: number, chance: Chance): Promise<void>
  /** What is wrong with the store now: what it checks itself, what it logged, and what was pushed before. */
  damage(): Promise<readonly string[]>
}

const shown = ({ method, path, headers, body, chunked }: OciShot) =>
  `${method} ${path.slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)} ${chunked ? 'chunked ' : ''}${Buffer.from(body ?? '').toString('latin1', 0, 300)}`

const streamOf = (bytes: Uint8Array<ArrayBuffer>) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      const middle = bytes.length >> 1
      if (middle > 0) controller.enqueue(bytes.subarray(0, middle))
      controller.enqueue(bytes.subarray(middle))
      controller.close()
    },
  })

async function shoot(registry: Registry, shot: OciShot): Promise<number> {
  const { method, path, headers, body, chunked } = shot
  const login = registry.authorization ? { Authorization: registry.authorization } : {}
  const response = await fetch(`${registry.origin}${path}`, {
    method,
    headers: { ...login, ...headers },
    redirect: 'manual',
    decompress: false,
    signal: AbortSignal.timeout(ANSWER_MS),
    ...(body === undefined ? {} : { body: chunked && body.length > 0 ? streamOf(body) : body }),
  })
  await response.arrayBuffer()
  return response.status
}

/** What must come out of it as it went in. */
async function keepsake(registry: Registry) {
  const name = 'kept/safe'
  const image = await registry.pushImage(name, { tag: 'v1' })
  return async (): Promise<readonly string[]> => {
    const got = await registry.call('GET', `/v2/${name}/manifests/v1`)
    const layers = image.json['layers'] as readonly { digest: string }[]
    const blobs = await Promise.all(
      layers.map(async ({ digest }) => {
        const blob = await registry.call('GET', `/v2/${name}/blobs/${digest}`)
        return digestOf(blob.bytes()) === digest ? [] : [`blob ${digest} is ${blob.status}`]
      }),
    )
    const manifest = got.digest === image.digest ? [] : [`the kept image is ${got.status}`]
    return [...manifest, ...blobs.flat()]
  }
}

/** `index.json` of each layout follows the last push after a second. */
const SETTLED_MS = 10_000

/** The appliance's own check of every object, until it finds nothing or has had the time for it. */
async function check(registry: Registry): Promise<readonly string[]> {
  const deadline = performance.now() + SETTLED_MS
  for (;;) {
    const { findings } = await fsck(registry, { content: true })
    if (findings.length === 0) return []
    if (performance.now() > deadline) return [`the check found ${JSON.stringify(findings)}`]
    await Bun.sleep(100)
  }
}

export async function openOciRange(): Promise<OciRange> {
  await using scope = new AsyncDisposableStack()
  // Logins that fail are rationed by address: they are shot at a door of their own in other tests.
  const set = ['server.local=127.0.0.1:0', 'auth.login_failures=100000']
  const running = scope.use(await startAppliance({ set }))
  const registry = registryAt(plainOrigin(running), await addUser(running, 'pusher', 'admin'))
  const kept = await keepsake(registry)
  const repository = 'target/one'
  const findings: string[] = []
  const statuses = new Set<number>()
  /** Deletes hit their marks: there must be new ones. */
  const targets = async (): Promise<OciTargets> => {
    const image = await registry.pushImage(repository, { tag: 'v1' })
    const [layer] = image.json['layers'] as readonly { digest: string }[]
    const uploads = await Promise.all([1, 2, 3].map(() => registry.begin(repository)))
    return {
      ...{ repository, tag: 'v1', manifest: image.digest, blob: layer?.digest ?? '' },
      ...{ uploads, image: image.json },
    }
  }
  const opened = scope.move()
  return {
    ...{ running, statuses, findings },
    async fire(count, chance) {
      const marks = await targets()
      let left = count
      const shooter = async () => {
        while (left-- > 0) {
          const shot = ociShot(marks, chance)
          try {
            const status = await shoot(registry, shot)
            statuses.add(status)
            if (status >= 500 && !NO_BUG.has(status)) findings.push(`${status}: ${shown(shot)}`)
          } catch (error) {
            const why = error instanceof Error ? `${error.name} ${error.message}` : String(error)
            findings.push(`${why}: ${shown(shot)}`)
          }
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, shooter))
    },
    async damage() {
      const found = [...(await kept()), ...(await check(registry)), ...badLines(running.logged)]
      running.logged.length = 0
      return found
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
