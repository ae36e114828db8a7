// SPDX-License-Identifier: AGPL-3.0-or-later
/** The registry beside others, all in one run. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../binary/executable.ts'
import { TYPES } from '../oci/content.ts'
import {
  type RegistryServer,
  startDistribution,
  startDockerRegistry,
  startOlareg,
  startSlipway,
} from '../oci/servers.ts'
import { peakBytes } from './jobs.ts'
import { measureFairness } from './oci-fairness.ts'
import { headRate } from './oci-head.ts'
import {
  blobPushRate,
  headersOf,
  makeSource,
  manifestPushRate,
  pullBlob,
  pushFile,
  readRate,
  type Source,
  type Target,
} from './oci-load.ts'
import { cpuSeconds, makeCold, writeBack } from './oci-process.ts'

const GiB = 1_024 ** 3
const MiB = 1_024 ** 2

/** MiB a second, calls a second, seconds or MiB; what a registry can not be asked is left out. */
export interface Figures {
  readonly push: number
  readonly push4: number
  readonly pullWarm: number
  readonly pullWarm4: number
  readonly pullCold?: number
  readonly pushCpu?: number
  readonly pullCpu?: number
  readonly blobPushes: number
  readonly manifestPushes: number
  readonly manifestGets: number
  readonly blobHeads: number
  readonly jobsP99?: number
  readonly manifestP99?: number
  readonly peakMiB?: number
}

export type Sample = Partial<Figures>

export interface BenchOptions {
  readonly folder: string
  readonly sizeBytes: number
  readonly rounds: number
  /** Of wrk, each time. */
  readonly seconds: number
  readonly smallCount: number
  readonly built: boolean
  readonly only: readonly string[]
  /** Registries that run already, by name. */
  readonly against: ReadonlyMap<string, string>
  readonly tell: (line: string) => void
}

/** A registry to measure: started for a round, or there already. */
interface Contestant {
  readonly name: string
  /** Small calls alone: how a login costs. */
  readonly smallOnly?: boolean
  open(dataDir: string): Promise<Target & Partial<RegistryServer>>
}

const contestants = ({ built, against, only }: BenchOptions): readonly Contestant[] => {
  const all: Contestant[] = [
    { name: 'slipway', open: (dataDir) => startSlipway({ dataDir, built }) },
    { name: 'distribution', open: (dataDir) => startDistribution({ dataDir }) },
    { name: 'docker-registry', open: (dataDir) => startDockerRegistry({ dataDir }) },
    { name: 'olareg', open: (dataDir) => startOlareg({ dataDir }) },
    {
      name: 'distribution+login',
      smallOnly: true,
      open: (dataDir) => startDistribution({ dataDir, login: true }),
    },
    {
      name: 'docker-registry+login',
      smallOnly: true,
      open: (dataDir) => startDockerRegistry({ dataDir, login: true }),
    },
    ...[...against].map(([name, origin]) => ({ name, open: async () => ({ origin }) })),
  ]
  return only.length === 0 ? all : all.filter(({ name }) => only.includes(name))
}

const secondsOf = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1_000
}

/** Seconds that it took, and of the processors when the process is known. */
async function timed(pid: number | undefined, work: () => Promise<unknown>) {
  const before = pid === undefined ? 0 : await cpuSeconds(pid)
  const seconds = await secondsOf(work)
  const cpu = pid === undefined ? undefined : (await cpuSeconds(pid)) - before
  return { seconds, cpu }
}

const REPOSITORY = 'bench/large'

/** One stream, then four. */
async function measureLarge(
  target: Target & Partial<RegistryServer>,
  { one, four }: { readonly one: Source; readonly four: readonly Source[] },
): Promise<Sample> {
  const { pid, dataDir } = target
  const [mib, gib] = [one.sizeBytes / MiB, one.sizeBytes / GiB]
  const digest = await one.next()
  await writeBack()
  const push = await timed(pid, () => pushFile(target, REPOSITORY, one, digest))
  const digests = await Promise.all(four.map((source) => source.next()))
  await writeBack()
  const push4 = await secondsOf(() =>
    Promise.all(four.map((source, at) => pushFile(target, REPOSITORY, source, digests[at] ?? ''))),
  )
  const pull = () => pullBlob(target, REPOSITORY, digest)
  await pull()
  const warm = await timed(pid, pull)
  const warm4 = await secondsOf(() => Promise.all([pull(), pull(), pull(), pull()]))
  if (dataDir) await makeCold(dataDir)
  const cold = dataDir ? await secondsOf(pull) : undefined
  return {
    push: mib / push.seconds,
    push4: mib / push4,
    pullWarm: mib / warm.seconds,
    pullWarm4: (4 * mib) / warm4,
    ...(cold === undefined ? {} : { pullCold: mib / cold }),
    ...(push.cpu === undefined ? {} : { pushCpu: push.cpu / gib }),
    ...(warm.cpu === undefined ? {} : { pullCpu: warm.cpu / gib }),
  }
}

async function measureSmall(target: Target, options: BenchOptions) {
  const { seconds, smallCount, folder } = options
  const repository = 'bench/small'
  await writeBack()
  const blobPushes = await blobPushRate(target, repository, smallCount)
  const manifestPushes = await manifestPushRate(target, repository, smallCount)
  const manifest = `/v2/${repository}/manifests/t1`
  const answer = await fetch(`${target.origin}${manifest}`, {
    headers: { Accept: TYPES.image, ...headersOf(target) },
  })
  const { config } = (await answer.json()) as { config: { digest: string } }
  const parts = { seconds, folder }
  const manifestGets = await readRate(target, manifest, parts)
  const blob = `/v2/${repository}/blobs/${config.digest}`
  const blobHeads = await headRate(`${target.origin}${blob}`, headersOf(target), seconds)
  return { blobPushes, manifestPushes, manifestGets, blobHeads }
}

const FEW = 8

interface Sources {
  readonly one: Source
  readonly four: readonly Source[]
}

async function measureOne(
  contestant: Contestant,
  sources: Sources,
  options: BenchOptions,
): Promise<Sample> {
  const dataDir = join(options.folder, contestant.name)
  await rm(dataDir, { recursive: true, force: true })
  await mkdir(dataDir, { recursive: true })
  const target = await contestant.open(dataDir)
  try {
    // Each call of a peer with a login costs a bcrypt hash: reads alone, after few pushes.
    const few = contestant.smallOnly ? { ...options, smallCount: FEW } : options
    const small = await measureSmall(target, few)
    if (contestant.smallOnly) {
      return { manifestGets: small.manifestGets, blobHeads: small.blobHeads }
    }
    const large = await measureLarge(target, sources)
    const fair =
      target.name === 'slipway' ? await measureFairness(target, sources.one, REPOSITORY) : {}
    const peak = target.pid === undefined ? {} : { peakMiB: (await peakBytes(target.pid)) / MiB }
    return { ...small, ...large, ...fair, ...peak }
  } finally {
    await target[Symbol.asyncDispose]?.()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** What the disk takes at its best: MiB a second of `dd conv=fsync`. */
async function measureDisk({ folder, sizeBytes }: BenchOptions): Promise<number> {
  const path = join(folder, 'dd')
  await writeBack()
  const mib = sizeBytes / MiB
  const seconds = await secondsOf(() =>
    run(['dd', 'if=/dev/zero', `of=${path}`, 'bs=1M', `count=${mib}`, 'conv=fsync'], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '' },
    }),
  )
  await rm(path)
  return mib / seconds
}

export interface BenchResult {
  readonly disk: readonly number[]
  /** A sample a round, by name. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>
}

/** Round by round, one registry after the other, each on an empty folder. */
export async function benchOci(options: BenchOptions): Promise<BenchResult> {
  const { folder, sizeBytes, rounds, tell } = options
  await mkdir(folder, { recursive: true })
  const sources: Sources = {
    one: await makeSource(folder, 'one', sizeBytes),
    four: await Promise.all(
      [0, 1, 2, 3].map((at) => makeSource(folder, `four${at}`, sizeBytes / 4)),
    ),
  }
  const disk: number[] = []
  const samples = new Map<string, Sample[]>()
  for (let round = 1; round <= rounds; round++) {
    disk.push(await measureDisk(options))
    for (const contestant of contestants(options)) {
      const sample = await measureOne(contestant, sources, options)
      samples.set(contestant.name, [...(samples.get(contestant.name) ?? []), sample])
      tell(`round ${round}: ${contestant.name} ${JSON.stringify(sample)}`)
    }
  }
  return { disk, samples }
}
