// SPDX-License-Identifier: AGPL-3.0-or-later

/** Bytes from `start` up to but without `end`; never empty. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** What a `Range` header asks for: the whole body, nothing that exists (416), or these parts. */
export type RangeRequest = 'whole' | 'unsatisfiable' | readonly [ByteRange, ...ByteRange[]]

/** A client that asks for more is refused with 416, as RFC 9110 §15.5.17 has it. */
const MOST_RANGES = 64

const SPEC = /^(\d*)-(\d*)$/

/** One part of the list: a range, undefined when it lies outside, 'invalid' when it is none. */
function parseSpec(spec: string, sizeBytes: number): ByteRange | 'invalid' | undefined {
  const [, first = '', last = ''] = SPEC.exec(spec) ?? []
  if (first === '' && last === '') return 'invalid'
  if (first === '') {
    const start = Math.max(0, sizeBytes - Number(last))
    return start < sizeBytes ? { start, end: sizeBytes } : undefined
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return 'invalid'
  if (start >= sizeBytes) return undefined
  return { start, end: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) }
}

/** Ranges that overlap or touch become one; if none do, the client's order stays (RFC 9110 §15.3.7.2). */
function merge(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const merged: ByteRange[] = []
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const before = merged.at(-1)
    if (before && range.start <= before.end) {
      merged[merged.length - 1] = { start: before.start, end: Math.max(before.end, range.end) }
    } else merged.push(range)
  }
  return merged.length === ranges.length ? ranges : merged
}

/**
 * Reads the `Range` header of a GET against a body of `sizeBytes` (RFC 9110 §14). A header that is
 * malformed or of another unit is ignored, as the RFC demands; it is never an error.
 */
export function parseRange(header: string | undefined, sizeBytes: number): RangeRequest {
  const list = /^\s*bytes\s*=(.*)$/i.exec(header ?? '')?.[1]
  if (list === undefined) return 'whole'
  const specs = list.split(',').map((spec) => spec.trim())
  if (specs.length > MOST_RANGES) return 'unsatisfiable'
  const parsed = specs.filter((spec) => spec !== '').map((spec) => parseSpec(spec, sizeBytes))
  if (parsed.length === 0 || parsed.includes('invalid')) return 'whole'
  const ranges = parsed.filter((range) => range !== undefined && range !== 'invalid')
  const [first, ...rest] = merge(ranges)
  return first ? [first, ...rest] : 'unsatisfiable'
}

/** Value of `Content-Range` for a part, or for a 416 when there is none. */
export const contentRange = (range: ByteRange | undefined, sizeBytes: number): string =>
  range ? `bytes ${range.start}-${range.end - 1}/${sizeBytes}` : `bytes */${sizeBytes}`
