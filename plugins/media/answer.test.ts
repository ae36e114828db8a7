// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { answerTo } from './answer.ts'

const MODIFIED_TEXT = 'Sun, 22 Nov 2026 09:30:15 GMT'
const size = 1_000
const image = {
  sizeBytes: size,
  etag: '"v1"',
  modifiedAt: Date.UTC(2026, 10, 22, 9, 30, 15, 250),
  segments: [],
  regions: [],
}

/** Parts of a multipart/byteranges body, read by its grammar. */
function partsOf(contentType: string, body: Buffer) {
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(contentType)?.[1]
  const parts: { range: string; bytes: Buffer }[] = []
  let at = 0
  for (;;) {
    const line = `\r\n--${boundary}`
    expect(body.toString('latin1', at, at + line.length)).toBe(line)
    at += line.length
    if (body.toString('latin1', at) === '--\r\n') return parts
    const end = body.indexOf('\r\n\r\n', at)
    const head = body.toString('latin1', at, end)
    expect(head).toMatch(/Content-Type: application\/octet-stream/)
    const [, first, last] = /Content-Range: bytes (\d+)-(\d+)\/\d+/.exec(head) ?? []
    const length = Number(last) - Number(first) + 1
    parts.push({ range: `${first}-${last}`, bytes: body.subarray(end + 4, end + 4 + length) })
    at = end + 4 + length
  }
}

describe('conditions', () => {
  test.each<[string, Record<string, string>, number]>([
    ['If-Range with our tag', { range: 'bytes=0-9', 'if-range': '"v1"' }, 206],
    ['If-Range with another tag', { range: 'bytes=0-9', 'if-range': '"v0"' }, 200],
    ['If-Range with a weak tag', { range: 'bytes=0-9', 'if-range': 'W/"v1"' }, 200],
    ['If-Range with our date', { range: 'bytes=0-9', 'if-range': MODIFIED_TEXT }, 206],
    [
      'If-Range with a later date',
      { range: 'bytes=0-9', 'if-range': 'Sun, 22 Nov 2026 09:30:16 GMT' },
      200,
    ],
    ['If-Range with nonsense', { range: 'bytes=0-9', 'if-range': 'yesterday' }, 200],
    ['If-None-Match with our tag', { 'if-none-match': '"v0", W/"v1"' }, 304],
    ['If-None-Match with another tag', { 'if-none-match': '"v0"' }, 200],
    ['If-None-Match with a star', { 'if-none-match': '*' }, 304],
    [
      'If-None-Match goes before the date',
      { 'if-none-match': '"v0"', 'if-modified-since': MODIFIED_TEXT },
      200,
    ],
    ['If-Modified-Since our date', { 'if-modified-since': MODIFIED_TEXT }, 304],
    [
      'If-Modified-Since an earlier date',
      { 'if-modified-since': 'Sun, 22 Nov 2026 09:30:14 GMT' },
      200,
    ],
    ['If-Modified-Since nonsense', { 'if-modified-since': 'yesterday' }, 200],
    ['If-Match with our tag', { 'if-match': '"v1"' }, 200],
    ['If-Match with a weak tag', { 'if-match': 'W/"v1"' }, 412],
    ['If-Match with another tag', { 'if-match': '"v0"' }, 412],
    ['If-Unmodified-Since our date', { 'if-unmodified-since': MODIFIED_TEXT }, 200],
    [
      'If-Unmodified-Since an earlier date',
      { 'if-unmodified-since': 'Sun, 22 Nov 2026 09:30:14 GMT' },
      412,
    ],
  ])('%s: %o is answered with %d', (_name, headers, status) => {
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = answerTo(method, headers, image)
      // A range is for GET alone.
      expect(answer.status).toBe(method === 'HEAD' && status === 206 ? 200 : (status as 200))
      expect(answer.headers).toMatchObject({ ETag: '"v1"', 'Last-Modified': MODIFIED_TEXT })
    }
  })
})

test('the length is that of the body, whatever is asked for', () => {
  for (const range of ['', 'bytes=0-9', 'bytes=-1', 'bytes=0-0,5-5,900-', 'bytes=5000-', 'x']) {
    const { headers, body } = answerTo('GET', { range }, image)
    const bytes = body.reduce(
      (sum, part) => sum + (part instanceof Uint8Array ? part.length : part.end - part.start),
      0,
    )
    expect(headers['Content-Length']).toBe(bytes)
  }
})

test('several ranges are parts by the grammar of RFC 9110 §14.6, in the order asked for', () => {
  const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, index) => index % 251))
  const { headers, body } = answerTo('GET', { range: 'bytes=500-599,0-9,-5' }, image)
  const wire = Buffer.concat(
    body.map((part) => (part instanceof Uint8Array ? part : bytes.subarray(part.start, part.end))),
  )
  const parts = partsOf(String(headers['Content-Type']), wire)
  expect(parts.map(({ range }) => range)).toEqual(['500-599', '0-9', '995-999'])
  for (const { range, bytes: part } of parts) {
    const [first, last] = range.split('-').map(Number)
    expect(part.equals(bytes.subarray(first, Number(last) + 1))).toBe(true)
  }
})

test('an image of no bytes has a length, and no range', () => {
  const empty = { ...image, sizeBytes: 0 }
  expect(answerTo('GET', {}, empty)).toMatchObject({
    status: 200,
    headers: { 'Content-Length': 0 },
  })
  expect(answerTo('GET', { range: 'bytes=0-' }, empty)).toMatchObject({
    status: 416,
    headers: { 'Content-Range': 'bytes */0', 'Content-Length': 0 },
  })
})
