// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { patient } from './medium.ts'

const bytes = new Uint8Array([1, 2, 3])

/** A source whose reads do what the list says, in its order. */
function source(...does: readonly (Uint8Array | string)[]) {
  const reads: string[] = []
  return {
    reads,
    sizeBytes: 3,
    async read(start: number, length: number) {
      const what = does[reads.length]
      reads.push(`${length} at ${start}`)
      if (!(what instanceof Uint8Array)) throw new Error(what ?? 'read too often')
      return what
    },
  }
}

function drive(from: ReturnType<typeof source>) {
  const told: string[] = []
  let touched = 0
  const closing = new AbortController()
  const medium = patient(from, closing.signal, {
    touched() {
      touched += 1
    },
    tell: (_, detail) => void told.push(detail),
  })
  return { medium, told, closing, touches: () => touched }
}

test('a line that breaks is tried again, and the machine notices nothing', async () => {
  const from = source('the line to the image broke', 'connect ECONNREFUSED', bytes)
  const { medium, told } = drive(from)
  expect(await medium.read(0, 3)).toBe(bytes)
  expect([from.reads, told]).toEqual([['3 at 0', '3 at 0', '3 at 0'], []])
})

test('a URL that has ended is an error at once, and said', async () => {
  const from = source('GET http://a/boot.iso was answered 404')
  const { medium, told } = drive(from)
  const failed = await medium.read(0, 3).then(
    () => 'read',
    (error: Error) => error.message,
  )
  expect(failed).toContain('404')
  expect([from.reads.length, told.length]).toEqual([1, 1])
})

test('the first byte that was read is told, and no other', async () => {
  const { medium, touches } = drive(source(bytes, bytes))
  expect(touches()).toBe(0)
  await medium.read(0, 3)
  await medium.read(0, 3)
  expect(touches()).toBe(1)
})

test('a drive that is emptied stops trying', async () => {
  const { medium, closing } = drive(source('the line to the image broke', bytes))
  const read = medium.read(0, 3).then(
    () => 'read',
    () => 'gone',
  )
  closing.abort()
  expect(await read).toBe('gone')
})
