// SPDX-License-Identifier: AGPL-3.0-or-later
/** Goal G1: the collector among clients that do all they can at once. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { collect, fsck } from './care-api.ts'
import { createLoad } from './care-load.ts'
import type { Registry } from './registry.ts'

export interface StressOptions {
  readonly registry: Registry
  /** Of the appliance. */
  readonly dataDir: string
  readonly forMs: number
  readonly seed: number
}

export interface StressOutcome {
  readonly findings: readonly string[]
  readonly counts: Readonly<Record<string, number>>
  readonly collections: number
  readonly freedBytes: number
}

const countFiles = async (folder: string): Promise<number> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).length
}

/** Objects that a repository holds, each once. */
async function heldObjects(registry: Registry): Promise<number> {
  const { json } = await registry.call('GET', '/api/v1/oci/repositories')
  const digests = new Set<string>()
  for (const { name } of json.repositories as { name: string }[]) {
    const tags = await registry.call(
      'GET',
      `/api/v1/oci/repositories/${encodeURIComponent(name)}/tags`,
    )
    for (const { digest } of tags.json.tags as { digest: string }[]) await reach(name, digest)
  }
  async function reach(repository: string, digest: string): Promise<void> {
    digests.add(digest)
    const path = `/api/v1/oci/repositories/${encodeURIComponent(repository)}/manifests/${digest}`
    const inspected = await registry.call('GET', path)
    for (const { role, digest: child } of inspected.json.references) {
      if (role === 'manifest') await reach(repository, child)
      else digests.add(child)
    }
  }
  return digests.size
}

async function dropUploads(registry: Registry): Promise<void> {
  for (;;) {
    const { json } = await registry.call('GET', '/api/v1/oci/uploads?limit=500')
    const { uploads } = json as { uploads: { id: string }[] }
    if (uploads.length === 0) return
    for (const { id } of uploads) await registry.call('DELETE', `/api/v1/oci/uploads/${id}`)
  }
}

/** A collection every second with a grace of nothing to five seconds, under load; then the reckoning. */
export async function stressCollector(options: StressOptions): Promise<StressOutcome> {
  const { registry, dataDir, forMs, seed } = options
  const load = createLoad(registry, seed)
  const stop = new AbortController()
  const running = load.run(stop.signal)
  const findings: string[] = []
  const ends = performance.now() + forMs
  let [collections, freedBytes] = [0, 0]
  while (performance.now() < ends) {
    const next = performance.now() + 1_000
    const report = await collect(registry, { grace_seconds: collections % 6 })
    freedBytes += report.reclaimable_bytes
    collections++
    await Bun.sleep(Math.max(0, Math.min(next, ends) - performance.now()))
  }
  stop.abort()
  await running
  findings.push(...load.findings, ...(await load.pullAll()))
  await dropUploads(registry)
  // What a tag pointed at before is held for a rollback: deleted history holds nothing.
  await Bun.sleep(10)
  for (let last = 1; last > 0; ) {
    last = (await collect(registry, { grace_seconds: 0 })).reclaimable_bytes
    await Bun.sleep(2)
  }
  const dry = await collect(registry, { grace_seconds: 0, dry_run: true })
  if (dry.reclaimable_bytes !== 0) findings.push(`garbage is left: ${JSON.stringify(dry.items)}`)
  findings.push(...(await load.pullAll()))
  const check = await fsck(registry)
  findings.push(...check.findings.map((finding) => `fsck: ${JSON.stringify(finding)}`))
  const [held, files] = [await heldObjects(registry), await countFiles(join(dataDir, 'oci/_blobs'))]
  if (held !== files) findings.push(`${files} files, and ${held} objects are reached from tags`)
  const left = await readdir(join(dataDir, 'oci/uploads'))
  if (left.length > 0) findings.push(`left in uploads: ${left.join(', ')}`)
  return { findings, counts: load.counts, collections, freedBytes }
}
