// SPDX-License-Identifier: AGPL-3.0-or-later
/** Whether others are still served while large blobs flow. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { basicOf, type RegistryServer } from '../oci/servers.ts'
import { pullBlob, pushFile, type Source, type Target } from './oci-load.ts'

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN

/** Between two questions, in ms: a person or a machine asks now and then. */
const PAUSE_MS = 5

/** Ms that a call takes, again and again until `until` is done. */
async function latencies(
  url: string,
  authorization: string,
  until: Promise<unknown>,
): Promise<number[]> {
  const found: number[] = []
  let over = false
  void until.finally(() => {
    over = true
  })
  while (!over) {
    const started = performance.now()
    const response = await fetch(url, { headers: { Authorization: authorization, Accept: '*/*' } })
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`${url}: ${response.status}`)
    found.push(performance.now() - started)
    await Bun.sleep(PAUSE_MS)
  }
  return found
}

/** 99th percentiles, in ms, of the jobs API and of a manifest during two pulls and one push. */
export async function measureFairness(
  target: Target & Partial<RegistryServer>,
  source: Source,
  repository: string,
): Promise<{ readonly jobsP99: number; readonly manifestP99: number }> {
  const { dataDir = '', login, origin } = target
  if (!login) throw new Error('the appliance has no login')
  const token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim()
  const there = await source.next()
  await pushFile(target, repository, source, there)
  const digest = await source.next()
  const flow = Promise.all([
    pullBlob(target, repository, there),
    pullBlob(target, repository, there),
    pushFile(target, repository, source, digest),
  ])
  const [jobs, manifests] = await Promise.all([
    latencies(`${origin}/api/v1/jobs`, `Bearer ${token}`, flow),
    latencies(`${origin}/v2/bench/small/manifests/t1`, basicOf(login), flow),
    flow,
  ])
  return { jobsP99: percentile(jobs, 0.99), manifestP99: percentile(manifests, 0.99) }
}
