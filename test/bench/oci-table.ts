// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BenchResult, Figures } from './oci.ts'
import { median, medianOf } from './oci-aims.ts'

const ROWS: readonly (readonly [keyof Figures, string, number])[] = [
  ['push', 'push, one stream, MiB/s', 0],
  ['push4', 'push, four streams, MiB/s', 0],
  ['pullWarm', 'pull from the page cache, MiB/s', 0],
  ['pullWarm4', 'pull from the page cache, four streams, MiB/s', 0],
  ['pullCold', 'pull from the disk, MiB/s', 0],
  ['pushCpu', 'processor seconds a GiB pushed', 2],
  ['pullCpu', 'processor seconds a GiB pulled', 2],
  ['blobPushes', 'blobs of 1 KiB pushed a second', 0],
  ['manifestPushes', 'manifests pushed a second', 0],
  ['manifestGets', 'GET manifest by tag a second', 0],
  ['blobHeads', 'HEAD blob a second', 0],
  ['jobsP99', 'jobs API p99 during two pulls and a push, ms', 1],
  ['manifestP99', 'GET manifest p99 during two pulls and a push, ms', 1],
  ['peakMiB', 'peak memory, MiB', 0],
]

/** Medians, a column a registry; behind each figure of another one how many times it ours is. */
export function tableOf(result: BenchResult): string {
  const names = [...result.samples.keys()]
  const cell = (name: string, key: keyof Figures, digits: number): string => {
    const value = medianOf(result, name, key)
    if (Number.isNaN(value)) return ''
    const ours = medianOf(result, 'slipway', key)
    const ratio = name === 'slipway' || Number.isNaN(ours) ? '' : ` (${(ours / value).toFixed(2)})`
    return `${value.toFixed(digits)}${ratio}`
  }
  const lines = ROWS.map(
    ([key, what, digits]) =>
      `| ${what} | ${names.map((name) => cell(name, key, digits)).join(' | ')} |`,
  )
  const disk = `| dd conv=fsync, MiB/s: ${median(result.disk).toFixed(0)} |${' |'.repeat(names.length)}`
  return [
    `| (ours ÷ theirs) | ${names.join(' | ')} |`,
    `|---|${'---|'.repeat(names.length)}`,
    ...lines,
    disk,
  ].join('\n')
}
