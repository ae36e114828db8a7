// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the registry must reach beside the others of the same run. */
import type { BenchResult, Figures } from './oci.ts'

export interface Aim {
  readonly aim: string
  readonly ours: number
  /** At least this much; at most for what is better small. */
  readonly bar: number
  readonly met: boolean
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Over the rounds; NaN for what was not measured. */
export const medianOf = ({ samples }: BenchResult, name: string, key: keyof Figures): number =>
  median((samples.get(name) ?? []).flatMap((sample) => sample[key] ?? []))

const PEERS = ['distribution', 'docker-registry', 'olareg']

/** Aims whose peer was not measured are left out. */
export function judgeAims(result: BenchResult): readonly Aim[] {
  const of = (name: string, key: keyof Figures) => medianOf(result, name, key)
  const ours = (key: keyof Figures) => of('slipway', key)
  const best = (key: keyof Figures) =>
    Math.max(...PEERS.map((name) => of(name, key)).filter((value) => !Number.isNaN(value)))
  const atLeast = (aim: string, key: keyof Figures, bar: number): Aim => ({
    ...{ aim, ours: ours(key), bar, met: ours(key) >= bar },
  })
  const below = (aim: string, key: keyof Figures, bar: number): Aim => ({
    ...{ aim, ours: ours(key), bar, met: ours(key) < bar },
  })
  const disk = median(result.disk)
  const push = Math.min(1.2 * of('distribution', 'push'), 0.9 * disk)
  return [
    atLeast('push, MiB/s: 1.2 × distribution, or 0.9 × dd conv=fsync', 'push', push),
    atLeast('push, MiB/s: 2 × docker-registry', 'push', 2 * of('docker-registry', 'push')),
    atLeast('warm pull, MiB/s: the best other', 'pullWarm', best('pullWarm')),
    atLeast('warm pull ×4, MiB/s: the best other', 'pullWarm4', best('pullWarm4')),
    atLeast('cold pull, MiB/s: 1.5 × the best other', 'pullCold', 1.5 * best('pullCold')),
    atLeast(
      'GET manifest with login, /s: 1.3 × distribution without',
      'manifestGets',
      1.3 * of('distribution', 'manifestGets'),
    ),
    atLeast(
      '1 KiB pushes, /s: 3 × distribution',
      'blobPushes',
      3 * of('distribution', 'blobPushes'),
    ),
    below('peak memory, MiB: under 200', 'peakMiB', 200),
    below('jobs API p99 under load, ms: under 50', 'jobsP99', 50),
    below('GET manifest p99 under load, ms: under 25', 'manifestP99', 25),
  ].filter(({ ours: value, bar }) => Number.isFinite(value) && Number.isFinite(bar))
}
