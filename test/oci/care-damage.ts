// SPDX-License-Identifier: AGPL-3.0-or-later
/** Goal S4: faults of the disk, each found, and mended by pushing the same again. */
import { readFile, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fsck, scrub } from './care-api.ts'
import { digestOf, freshBytes, indexOf, jsonBytes, manifestOf, TYPES } from './content.ts'
import type { Registry } from './registry.ts'

const REPOSITORY = 'damaged/os'

/** Everything that a client would push again. */
interface Image {
  readonly tag: string
  readonly blobs: readonly Uint8Array<ArrayBuffer>[]
  readonly image: Uint8Array<ArrayBuffer>
  readonly index: Uint8Array<ArrayBuffer>
}

function makeImage(tag: string): Image {
  const config = jsonBytes({ os: 'linux', tag, unique: Bun.randomUUIDv7() })
  const layer = freshBytes(70_000)
  const image = jsonBytes(manifestOf(config, [layer]))
  const child = { mediaType: TYPES.image, digest: digestOf(image), size: image.byteLength }
  return { tag, blobs: [config, layer], image, index: jsonBytes(indexOf([child])) }
}

/** As clients do: look first, and push what is not there. */
async function push(registry: Registry, { tag, blobs, image, index }: Image): Promise<void> {
  for (const bytes of blobs) {
    const path = `/v2/${REPOSITORY}/blobs/${digestOf(bytes)}`
    if ((await registry.call('HEAD', path)).status === 404)
      await registry.pushBlob(REPOSITORY, bytes)
  }
  for (const [bytes, reference, type] of [
    [image, digestOf(image), TYPES.image],
    [index, tag, TYPES.index],
  ] as const) {
    const path = `/v2/${REPOSITORY}/manifests/${digestOf(bytes)}`
    if ((await registry.call('HEAD', path)).status === 200) continue
    const { status, codes } = await registry.putManifest(REPOSITORY, reference, bytes, type)
    if (status !== 201) throw new Error(`push of ${reference}: ${status} ${codes.join()}`)
  }
}

const FAULTS = ['bit', 'bit', 'bit', 'bit', 'cut', 'deleted', 'swapped'] as const

/** Of each image in turn: layer, config, manifest, index. */
const objectsOf = ({ blobs, image, index }: Image) => [...blobs.toReversed(), image, index]

interface Places {
  readonly dataDir: string
}

const blobPath = ({ dataDir }: Places, bytes: Uint8Array) => {
  const hex = digestOf(bytes).slice(7)
  return join(dataDir, 'oci/_blobs/sha256', hex.slice(0, 2), hex)
}
const linkPath = ({ dataDir }: Places, bytes: Uint8Array) =>
  join(dataDir, 'oci/repos', REPOSITORY, 'blobs/sha256', digestOf(bytes).slice(7))

async function flipBit(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path)
  const at = bit % bytes.length
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8))
  await writeFile(path, bytes)
}

/** Harms one object, or two by each other's bytes. Returns the digests that are damaged now. */
async function harm(
  places: Places,
  fault: (typeof FAULTS)[number],
  one: Uint8Array,
  other: Uint8Array,
  seed: number,
): Promise<readonly string[]> {
  const path = blobPath(places, one)
  if (fault === 'bit') await flipBit(path, seed * 7_919)
  if (fault === 'cut') await truncate(path, one.byteLength >> 1)
  if (fault === 'deleted') {
    await unlink(path)
    await unlink(linkPath(places, one))
  }
  if (fault !== 'swapped') return [digestOf(one)]
  const [a, b] = [await readFile(path), await readFile(blobPath(places, other))]
  await writeFile(path, b)
  await writeFile(blobPath(places, other), a)
  return [digestOf(one), digestOf(other)]
}

export interface DamageOutcome {
  readonly injected: number
  readonly found: number
  /** What was not as it must be. */
  readonly findings: readonly string[]
}

/** `faults` faults among objects of every kind; scrub, push again, check. */
export async function damageAndMend(
  registry: Registry,
  dataDir: string,
  faults: number,
): Promise<DamageOutcome> {
  const images = Array.from({ length: Math.ceil(faults / 2) }, (_, at) => makeImage(`v${at}`))
  for (const image of images) await push(registry, image)
  const before = await fsck(registry)
  const findings = before.findings.map((finding) => `before: ${JSON.stringify(finding)}`)
  // Until the disk was synced the database holds the bytes of small objects, and would mend them.
  await untilSynced(registry)

  const damaged = new Set<string>()
  for (let at = 0; damaged.size < faults; at++) {
    const [image, next] = [images[at % images.length], images[(at + 1) % images.length]]
    if (!image || !next) break
    const which = Math.floor(at / images.length) + (at % 4)
    const one = objectsOf(image)[which % 4]
    const other = objectsOf(next)[(which + 1) % 4]
    if (!one || !other || damaged.has(digestOf(one)) || damaged.has(digestOf(other))) continue
    const fault = FAULTS[at % FAULTS.length] ?? 'bit'
    for (const digest of await harm({ dataDir }, fault, one, other, at + 1)) damaged.add(digest)
  }

  const report = await scrub(registry)
  const found = new Set(report.findings.map(({ digest }) => digest))
  for (const digest of damaged) if (!found.has(digest)) findings.push(`${digest} was not found`)
  if (report.bad !== damaged.size) findings.push(`${report.bad} bad of ${damaged.size}`)
  for (const digest of damaged) {
    const blob = await registry.call('GET', `/v2/${REPOSITORY}/blobs/${digest}`)
    if (blob.status !== 404) findings.push(`${digest} is served: ${blob.status}`)
  }
  for (const image of images) await push(registry, image)
  const after = await fsck(registry)
  findings.push(...after.findings.map((finding) => `after: ${JSON.stringify(finding)}`))
  for (const image of images) {
    for (const bytes of objectsOf(image)) {
      const { digest } = await registry.call('GET', `/v2/${REPOSITORY}/blobs/${digestOf(bytes)}`)
      if (digest !== digestOf(bytes)) findings.push(`${digestOf(bytes)} did not come back`)
    }
  }
  return { injected: damaged.size, found: found.size, findings }
}

const SYNCED_MS = 20_000

/** Polls until the registry says that no small object waits for the disk. */
async function untilSynced(registry: Registry): Promise<void> {
  const { running } = registry
  if (!running) throw new Error('the registry runs elsewhere')
  const deadline = performance.now() + SYNCED_MS
  for (;;) {
    const { rows } = await running.appliance.db.client.execute(
      'select count(*) as waiting from oci_fresh_bytes',
    )
    if (rows[0]?.['waiting'] === 0) return
    if (performance.now() > deadline) throw new Error('small objects were not synced')
    await Bun.sleep(50)
  }
}
