// SPDX-License-Identifier: AGPL-3.0-or-later
import type { IncomingHttpHeaders } from 'node:http'
import type { MediaImage } from '../../core/media.ts'

/** IMF-fixdate, to the second. */
export const httpDate = (unixMs: number): string => new Date(unixMs).toUTCString()

/** Unix ms of a date in a header, undefined when it is none: such a condition is ignored. */
const dateOf = (header: string | undefined): number | undefined => {
  const time = Date.parse(header ?? '')
  return Number.isNaN(time) ? undefined : time
}

const wholeSecond = (unixMs: number) => Math.floor(unixMs / 1_000) * 1_000

/** Does the list name this entity tag? Weakly a `W/` is overlooked (RFC 9110 §8.8.3.2). */
function names(list: string, etag: string, strength: 'weak' | 'strong'): boolean {
  if (list.trim() === '*') return true
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? []
  return tags.some((tag) => (strength === 'weak' ? tag.replace(/^W\//, '') : tag) === etag)
}

/** The status that the conditions of a GET or HEAD demand, in the order of RFC 9110 §13.2.2. */
export function preconditionOf(
  headers: IncomingHttpHeaders,
  { etag, modifiedAt }: Pick<MediaImage, 'etag' | 'modifiedAt'>,
): 304 | 412 | undefined {
  const modified = wholeSecond(modifiedAt)
  if (headers['if-match'] !== undefined) {
    if (!names(headers['if-match'], etag, 'strong')) return 412
  } else {
    const unmodifiedSince = dateOf(headers['if-unmodified-since'])
    if (unmodifiedSince !== undefined && modified > unmodifiedSince) return 412
  }
  if (headers['if-none-match'] !== undefined) {
    return names(headers['if-none-match'], etag, 'weak') ? 304 : undefined
  }
  const modifiedSince = dateOf(headers['if-modified-since'])
  return modifiedSince !== undefined && modified <= modifiedSince ? 304 : undefined
}

/** Is `Range` to be obeyed? `If-Range` names a strong tag or exactly our date (RFC 9110 §13.1.5). */
export function rangeHolds(
  ifRange: string | readonly string[] | undefined,
  { etag, modifiedAt }: Pick<MediaImage, 'etag' | 'modifiedAt'>,
): boolean {
  if (ifRange === undefined) return true
  const condition = String(ifRange).trim()
  if (condition.includes('"')) return condition === etag
  return dateOf(condition) === wholeSecond(modifiedAt)
}
