// SPDX-License-Identifier: AGPL-3.0-or-later
/** Clients that push, tag and delete while the appliance is killed, and what must then be there. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type ApplianceProcess, applianceProcess } from '../process.ts'
import { digestOf } from './content.ts'

const REPOSITORY = 't/kills'
const IMAGE = 'application/vnd.oci.image.manifest.v1+json'
const EMPTY = new TextEncoder().encode('{}')

export interface KillsOptions {
  readonly kills: number
  readonly seed: number
  readonly tell?: (line: string) => void
}

export interface KillsOutcome {
  /** Blobs and manifests that were acknowledged, over all kills. */
  readonly acknowledged: number
  /** What was amiss, one line each. */
  readonly findings: readonly string[]
}

/** mulberry32: the same kills for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What the appliance said it has. */
class Ledger {
  /** Acknowledged and not asked to go. */
  readonly blobs = new Set<string>()
  readonly deleted = new Set<string>()
  readonly manifests = new Set<string>()
  /** A tag may stand at the last acknowledged digest, or at one whose answer was cut off. */
  readonly tags = new Map<string, Set<string>>()
}

interface Caller {
  send(
    method: string,
    path: string,
    body?: Uint8Array<ArrayBuffer>,
    type?: string,
  ): Promise<Response>
}

async function callerOf(appliance: ApplianceProcess): Promise<Caller> {
  const token = (await readFile(join(appliance.dataDir, 'admin.token'), 'utf8')).trim()
  return {
    send: (method, path, body, type = 'application/octet-stream') =>
      fetch(`${appliance.url}${path}`, {
        method,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': type },
        ...(body ? { body } : {}),
      }),
  }
}

/** Resolves with the digest once it is acknowledged; throws when the answer was cut off. */
async function pushBlob({ send }: Caller, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const begun = await send('POST', `/v2/${REPOSITORY}/blobs/uploads/`)
  const location = begun.headers.get('location') ?? ''
  const digest = digestOf(bytes)
  // Large ones in two requests: their first half lies on the disk when the second comes.
  const cut = bytes.length > 65_536 ? bytes.length >> 1 : 0
  if (cut > 0) await send('PATCH', location, bytes.slice(0, cut))
  const put = await send('PUT', `${location}?digest=${digest}`, bytes.slice(cut))
  if (put.status !== 201) throw new Error(`PUT ${put.status} ${await put.text()}`)
  return digest
}

const randomBytes = (size: number) => {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)))
  }
  return bytes
}

async function pushImage(caller: Caller, ledger: Ledger, tag: string): Promise<void> {
  const layer = await pushBlob(caller, randomBytes(500))
  ledger.blobs.add(layer)
  await pushBlob(caller, EMPTY)
  const manifest = new TextEncoder().encode(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: IMAGE },
      config: { mediaType: 'a/b', digest: digestOf(EMPTY), size: 2 },
      layers: [{ mediaType: 'a/b', digest: layer, size: 500 }],
    }),
  )
  const digest = digestOf(manifest)
  const allowed = ledger.tags.get(tag) ?? new Set(['none'])
  allowed.add(digest)
  ledger.tags.set(tag, allowed)
  const put = await caller.send('PUT', `/v2/${REPOSITORY}/manifests/${tag}`, manifest, IMAGE)
  if (put.status !== 201) throw new Error(`PUT ${put.status} ${await put.text()}`)
  ledger.tags.set(tag, new Set([digest]))
  ledger.manifests.add(digest)
}

/** One client; it ends when its connection is cut. */
async function client(caller: Caller, ledger: Ledger, name: number, random: () => number) {
  for (;;) {
    const kind = random()
    if (kind < 0.4)
      ledger.blobs.add(await pushBlob(caller, randomBytes(1 + Math.floor(random() * 3_000))))
    else if (kind < 0.55) {
      ledger.blobs.add(await pushBlob(caller, randomBytes(70_000 + Math.floor(random() * 300_000))))
    } else if (kind < 0.9) await pushImage(caller, ledger, `c${name}-${Math.floor(random() * 4)}`)
    else {
      const digest = await pushBlob(caller, randomBytes(900))
      const gone = await caller.send('DELETE', `/v2/${REPOSITORY}/blobs/${digest}`)
      if (gone.status === 202) ledger.deleted.add(digest)
    }
  }
}

const wasCut = (error: unknown) =>
  error instanceof Error && !/^PUT \d/.test(error.message) ? undefined : String(error)

async function whole(caller: Caller, path: string, digest: string): Promise<string | undefined> {
  const got = await caller.send('GET', path)
  if (got.status !== 200) return `${path}: ${got.status}`
  const actual = digestOf(new Uint8Array(await got.arrayBuffer()))
  return actual === digest ? undefined : `${path}: has the digest ${actual}`
}

async function checkTag(caller: Caller, tag: string, allowed: ReadonlySet<string>) {
  const got = await caller.send('GET', `/v2/${REPOSITORY}/manifests/${tag}`)
  if (got.status === 404 && allowed.has('none')) return []
  if (got.status !== 200) return [`tag ${tag}: ${got.status}`]
  const text = new Uint8Array(await got.arrayBuffer())
  if (!allowed.has(digestOf(text))) return [`tag ${tag}: at ${digestOf(text)}`]
  const { config, layers } = JSON.parse(new TextDecoder().decode(text))
  const findings: string[] = []
  for (const { digest } of [config, ...layers]) {
    const found = await whole(caller, `/v2/${REPOSITORY}/blobs/${digest}`, digest)
    if (found) findings.push(`tag ${tag}: ${found}`)
  }
  return findings
}

/** Everything that was acknowledged is there, whole; nothing that was deleted came back. */
async function check(caller: Caller, ledger: Ledger): Promise<string[]> {
  const findings: (string | undefined)[] = []
  const at = `/v2/${REPOSITORY}`
  for (const digest of ledger.blobs)
    findings.push(await whole(caller, `${at}/blobs/${digest}`, digest))
  for (const digest of ledger.manifests) {
    findings.push(await whole(caller, `${at}/manifests/${digest}`, digest))
  }
  for (const digest of ledger.deleted) {
    const got = await caller.send('HEAD', `${at}/blobs/${digest}`)
    if (got.status !== 404) findings.push(`${digest} was deleted, and answers ${got.status}`)
  }
  for (const [tag, allowed] of ledger.tags) findings.push(...(await checkTag(caller, tag, allowed)))
  return findings.filter((finding) => finding !== undefined)
}

/** Files below a folder that hold nothing. */
async function emptyFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  const empty: string[] = []
  for (const name of names) {
    const found = await stat(join(folder, name))
    if (found.isFile() && found.size === 0) empty.push(`${name} is empty`)
  }
  return empty
}

/** Kills the appliance again and again under load, and looks at what it had acknowledged. */
export async function runKills({ kills, seed, tell }: KillsOptions): Promise<KillsOutcome> {
  const random = randomOf(seed)
  const findings: string[] = []
  const ledger = new Ledger()
  await using appliance = await applianceProcess()
  let acknowledged = 0
  for (let kill = 0; kill < kills; kill++) {
    await appliance.start()
    const caller = await callerOf(appliance)
    findings.push(...(await check(caller, ledger)))
    // What was looked at twice is not looked at again: a run of hundreds stays linear.
    if (kill % 2 === 0) {
      for (const each of [ledger.blobs, ledger.manifests, ledger.deleted]) each.clear()
    }
    const before = ledger.blobs.size + ledger.manifests.size
    const clients = Array.from({ length: 4 }, (_, name) =>
      client(caller, ledger, name, random).catch((error: unknown) => {
        const amiss = wasCut(error)
        if (amiss) findings.push(`kill ${kill}: ${amiss}`)
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 50 + random() * 300))
    await appliance.end('SIGKILL')
    await Promise.all(clients)
    const more = ledger.blobs.size + ledger.manifests.size - before
    acknowledged += more
    tell?.(`kill ${kill + 1}: ${more} acknowledged, ${findings.length} findings`)
  }
  await appliance.start()
  findings.push(...(await check(await callerOf(appliance), ledger)))
  await appliance.end('SIGTERM')
  for (const place of ['_blobs', 'repos']) {
    findings.push(...(await emptyFiles(join(appliance.dataDir, 'oci', place))))
  }
  return { acknowledged, findings }
}
