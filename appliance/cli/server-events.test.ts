// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { readServerEvents, type ServerEvent } from './server-events.ts'

/** The text in pieces of so many bytes. */
async function read(text: string, pieceBytes: number): Promise<readonly ServerEvent[]> {
  const bytes = new TextEncoder().encode(text)
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        controller.enqueue(bytes.subarray(at, at + pieceBytes))
      }
      controller.close()
    },
  })
  return Array.fromAsync(readServerEvents(body))
}

const text =
  ': comment\n\nevent: job\r\nid: 3.1\r\ndata: {"a":\r\ndata: "é"}\r\n\r\nretry: 5\ndata:x\n\nevent: end\rdata: {}\r\rdata: cut off'
const events = [
  { event: 'job', id: '3.1', data: '{"a":\n"é"}' },
  { event: 'message', id: '3.1', data: 'x' },
  { event: 'end', id: '3.1', data: '{}' },
]

test.each([1, 2, 3, 7, 1_000])('events come whole out of pieces of %d bytes', async (size) => {
  expect(await read(text, size)).toEqual(events)
})
