// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { DAY } from '../../../core/units.ts'
import { createClock } from '../../../test/harness.ts'
import { type RegistryBed, registryBed } from '../test-bed.ts'
import { digestOf } from './digest.ts'

const clock = createClock()
let bed: RegistryBed
beforeAll(async () => {
  bed = await registryBed({}, clock.now)
})
afterAll(() => bed[Symbol.asyncDispose]())

const bytes = (size: number, seed = 1) =>
  Uint8Array.from({ length: size }, (_, at) => (at * 31 + seed * 7) & 255)

async function begin(query = ''): Promise<string> {
  const begun = await bed.send('POST', `/v2/t/up/blobs/uploads/${query}`)
  expect(begun.status).toBe(202)
  return begun.headers.get('location') ?? ''
}
const patch = (path: string, body: Uint8Array<ArrayBuffer> | ReadableStream) =>
  bed.send('PATCH', path, { body })
const offset = async (path: string) => (await bed.send('GET', path)).headers.get('upload-offset')

/** Gives these bytes, then breaks off as a dead connection would. */
const broken = (...chunks: readonly Uint8Array[]) => {
  const left = [...chunks]
  return new ReadableStream({
    pull(controller) {
      const next = left.shift()
      if (next) controller.enqueue(next.slice())
      else controller.error(new DOMException('gone', 'AbortError'))
    },
  })
}

test.each(['orderly', 'crash'] as const)(
  'a session goes on after an end that was %s, and its hash is right',
  async (how) => {
    const whole = bytes(300_000)
    const path = await begin()
    expect((await patch(path, whole.slice(0, 200_000))).status).toBe(202)
    await bed.restart(how)
    expect(await offset(path)).toBe('200000')
    const put = await bed.send('PUT', `${path}?digest=${digestOf(whole)}`, {
      body: whole.slice(200_000),
      headers: { 'Content-Range': '200000-299999' },
    })
    expect(put.status).toBe(201)
  },
)

test('an empty session is written down, and found again after a crash', async () => {
  const path = await begin()
  const id = path.split('/').at(-1) ?? ''
  const deadline = performance.now() + 5_000
  while (!(await readdir(`${bed.folder}/uploads`)).includes(id) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await bed.restart('crash')
  expect(await offset(path)).toBe('0')
})

test('what came before the connection broke is kept', async () => {
  const whole = bytes(250_000, 2)
  const path = await begin()
  const cut = await patch(path, broken(whole.slice(0, 70_000), whole.slice(70_000, 150_000)))
  expect(cut.status).toBe(400)
  expect(await offset(path)).toBe('150000')
  expect((await patch(path, whole.slice(150_000))).status).toBe(202)
  expect((await bed.send('PUT', `${path}?digest=${digestOf(whole)}`)).status).toBe(201)
})

test('a small blob whose connection broke goes on where it broke', async () => {
  const [path, whole] = [await begin(), bytes(9_000)]
  const digest = digestOf(whole)
  const put = await bed.send('PUT', `${path}?digest=${digest}`, {
    body: broken(whole.slice(0, 4_000), whole.slice(4_000, 8_000)),
    headers: { 'Content-Length': '9000' },
  })
  expect(put.status).toBe(400)
  expect(await offset(path)).toBe('8000')
  const rest = await bed.send('PUT', `${path}?digest=${digest}`, {
    body: whole.slice(8_000),
    headers: { 'Content-Range': '8000-8999', 'Content-Length': '1000' },
  })
  expect(rest.status).toBe(201)
  const got = await bed.send('GET', `/v2/t/up/blobs/${digest}`)
  expect(new Uint8Array(await got.arrayBuffer())).toEqual(whole)
})

test('one sender at a time: the second is told so, and nothing is mixed', async () => {
  const whole = bytes(120_000, 3)
  const path = await begin()
  let send: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      send = controller
    },
  })
  const slow = patch(path, body)
  send?.enqueue(whole.slice(0, 60_000))
  const second = await patch(path, bytes(10))
  expect(second.status).toBe(409)
  const small = await bed.send('PUT', `${path}?digest=${digestOf(bytes(10))}`, {
    body: bytes(10),
    headers: { 'Content-Length': '10' },
  })
  expect(small.status).toBe(409)
  send?.enqueue(whole.slice(60_000))
  send?.close()
  expect((await slow).status).toBe(202)
  expect((await bed.send('PUT', `${path}?digest=${digestOf(whole)}`)).status).toBe(201)
})

test.each([
  { name: 'told at the beginning', query: '?digest-algorithm=sha512' },
  { name: 'told at the end', query: '' },
])('a sha512 blob is hashed as that, $name', async ({ query }) => {
  const whole = bytes(200_000, 4)
  const path = await begin(query)
  await patch(path, whole.slice())
  const digest = digestOf(whole, 'sha512')
  expect((await bed.send('PUT', `${path}?digest=${digest}`)).status).toBe(201)
  const pulled = await bed.send('GET', `/v2/t/up/blobs/${digest}`)
  expect(digestOf(new Uint8Array(await pulled.arrayBuffer()), 'sha512')).toBe(digest)
})

test('a wrong digest ends the session, and leaves nothing', async () => {
  for (const size of [100, 200_000]) {
    const path = await begin()
    const put = await bed.send('PUT', `${path}?digest=${digestOf(bytes(5))}`, {
      body: bytes(size),
      headers: { 'Content-Length': String(size) },
    })
    expect(put.status).toBe(400)
    expect((await bed.send('GET', path)).status).toBe(404)
  }
})

test('a session without a call for a day is dropped with its bytes', async () => {
  const path = await begin()
  await patch(path, bytes(100_000))
  clock.advance(DAY - 1_000)
  await bed.store().uploads.expire()
  expect((await bed.send('GET', path)).status).toBe(204)
  clock.advance(DAY + 1_000)
  await bed.store().uploads.expire()
  expect((await bed.send('GET', path)).status).toBe(404)
  expect(await readdir(`${bed.folder}/uploads`)).toEqual([])
})

test('an empty blob is taken however slow the thread is that makes its file', async () => {
  for (let time = 0; time < 50; time++) {
    const { uploads } = bed.store()
    const { id } = uploads.begin('t/empty', 'ada')
    const size = await uploads.finish(id, digestOf(new Uint8Array()), undefined, async () => {})
    expect(size).toBe(0)
  }
})
