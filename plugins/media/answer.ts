// SPDX-License-Identifier: AGPL-3.0-or-later
import type { IncomingHttpHeaders } from 'node:http'
import { type ByteRange, contentRange, parseRange } from '../../core/http/range.ts'
import type { MediaImage } from '../../core/media.ts'
import { httpDate, preconditionOf, rangeHolds } from './conditions.ts'

/** A response to a BMC, before a byte of the image is read. */
export interface Answer {
  readonly status: 200 | 206 | 304 | 412 | 416
  readonly headers: Readonly<Record<string, string | number>>
  /** In order: bytes of ours, or stretches of the image. They add up to `Content-Length`. */
  readonly body: readonly (Uint8Array | ByteRange)[]
}

// What every firmware takes for an ISO, and no proxy tries to compress.
const CONTENT_TYPE = 'application/octet-stream'

const lengthOf = (part: Uint8Array | ByteRange) =>
  part instanceof Uint8Array ? part.length : part.end - part.start

/** Body of a `multipart/byteranges` (RFC 9110 §14.6). */
function multipart(ranges: readonly ByteRange[], sizeBytes: number, boundary: string) {
  const text = new TextEncoder()
  const parts = ranges.flatMap((range) => [
    text.encode(
      `\r\n--${boundary}\r\nContent-Type: ${CONTENT_TYPE}\r\n` +
        `Content-Range: ${contentRange(range, sizeBytes)}\r\n\r\n`,
    ),
    range,
  ])
  return [...parts, text.encode(`\r\n--${boundary}--\r\n`)]
}

/** Judges a GET or HEAD of an image. HEAD gets the headers of the whole: ranges are for GET (RFC 9110 §14.2). */
export function answerTo(
  method: 'GET' | 'HEAD',
  headers: IncomingHttpHeaders,
  image: MediaImage,
): Answer {
  const { sizeBytes, etag } = image
  const common = {
    ETag: etag,
    'Last-Modified': httpDate(image.modifiedAt),
    'Accept-Ranges': 'bytes',
    // The task image carries secrets; and nothing on the way may recode it.
    'Cache-Control': 'private, no-transform',
  }
  const failed = preconditionOf(headers, image)
  if (failed === 304) return { status: 304, headers: common, body: [] }
  if (failed === 412) return { status: 412, headers: { ...common, 'Content-Length': 0 }, body: [] }

  const asked =
    method === 'GET' && rangeHolds(headers['if-range'], image)
      ? parseRange(headers.range, sizeBytes)
      : 'whole'
  const typed = { ...common, 'Content-Type': CONTENT_TYPE }
  if (asked === 'whole') {
    const body = [{ start: 0, end: sizeBytes }]
    return { status: 200, headers: { ...typed, 'Content-Length': sizeBytes }, body }
  }
  if (asked === 'unsatisfiable') {
    const range = { 'Content-Range': contentRange(undefined, sizeBytes), 'Content-Length': 0 }
    return { status: 416, headers: { ...common, ...range }, body: [] }
  }
  const [first, second] = asked
  if (!second) {
    const range = {
      'Content-Range': contentRange(first, sizeBytes),
      'Content-Length': lengthOf(first),
    }
    return { status: 206, headers: { ...typed, ...range }, body: [first] }
  }
  const boundary = crypto.randomUUID()
  const body = multipart(asked, sizeBytes, boundary)
  const length = body.reduce((sum, part) => sum + lengthOf(part), 0)
  return {
    status: 206,
    headers: {
      ...common,
      'Content-Type': `multipart/byteranges; boundary=${boundary}`,
      'Content-Length': length,
    },
    body,
  }
}
