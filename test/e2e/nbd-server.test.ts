// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesSource } from '../../plugins/iso/index.ts'
import { serveNbd } from './nbd-server.ts'

const image = Uint8Array.from({ length: 10_000 }, (_, at) => (at * 7) % 251)

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-nbd-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A client that sends bytes and takes so many back. */
class Client {
  readonly #socket: Socket
  readonly #pieces: AsyncIterator<Buffer>
  #rest = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#socket = socket
    this.#pieces = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  }

  send(...hex: readonly string[]): void {
    this.#socket.write(Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'))
  }

  /** Hex; what came before the end when the server hangs up. */
  async take(length: number): Promise<string> {
    while (this.#rest.byteLength < length) {
      const { value, done } = await this.#pieces.next()
      if (done) break
      this.#rest = Buffer.concat([this.#rest, value])
    }
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken.toString('hex')
  }

  /** As the proto says: request magic, flags, type, handle, offset, length. */
  request(type: number, handle: string, start: number, length: number): void {
    const hex = (value: number, bytes: number) => value.toString(16).padStart(2 * bytes, '0')
    this.send('25609513', '0000', hex(type, 2), handle, hex(start, 8), hex(length, 4))
  }
}

async function open(read?: () => Promise<Uint8Array>) {
  const path = join(folder, crypto.randomUUID())
  const source = bytesSource(image)
  const server = await serveNbd(path, read ? { sizeBytes: image.byteLength, read } : source)
  const socket = await new Promise<Socket>((resolve, reject) => {
    const attempt = connect(path, () => resolve(attempt)).once('error', reject)
  })
  const client = new Client(socket)
  return {
    client,
    path,
    async [Symbol.asyncDispose]() {
      socket.destroy()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Option magic, number, and no data. */
const option = (number: number, data = '') =>
  `49484156454f5054${number.toString(16).padStart(8, '0')}${(data.length / 2).toString(16).padStart(8, '0')}${data}`
/** Size 10,000; has flags, read only, many connections. */
const EXPORT = `${(10_000).toString(16).padStart(16, '0')}0103`

/** Through the haggling, by NBD_OPT_GO. */
async function ready(client: Client): Promise<void> {
  expect(await client.take(18)).toBe('4e42444d4147494349484156454f50540003')
  client.send('00000003', option(7, '000000000000'))
  expect(await client.take(32)).toBe(`0003e889045565a900000007000000030000000c0000${EXPORT}`)
  expect(await client.take(20)).toBe('0003e889045565a9000000070000000100000000')
}

const HANDLE = '0011223344556677'
const reply = (error: number) => `67446698${error.toString(16).padStart(8, '0')}${HANDLE}`
const bytes = (start: number, length: number) =>
  Buffer.from(image.subarray(start, start + length)).toString('hex')

test('an image is read in any piece, from its first to its last byte', async () => {
  await using server = await open()
  const { client } = server
  await ready(client)
  for (const [start, length] of [
    [0, 512],
    [4_097, 3],
    [9_999, 1],
    [0, 10_000],
  ] as const) {
    client.request(0, HANDLE, start, length)
    expect(await client.take(16 + length)).toBe(reply(0) + bytes(start, length))
  }
})

test('a client that knows only the export’s name gets it, with the zeroes that it wants', async () => {
  await using server = await open()
  const { client } = server
  await client.take(18)
  client.send('00000001', option(1))
  expect(await client.take(134)).toBe(EXPORT + '00'.repeat(124))
  client.request(0, HANDLE, 1, 2)
  expect(await client.take(18)).toBe(reply(0) + bytes(1, 2))
})

test('what the server does not know is refused, and the haggling goes on', async () => {
  await using server = await open()
  const { client } = server
  await client.take(18)
  // structured replies
  client.send('00000003', option(8))
  expect(await client.take(20)).toBe('0003e889045565a9000000088000000100000000')
  client.send(option(2))
  expect(await client.take(20)).toBe('0003e889045565a9000000020000000100000000')
  expect(await client.take(1)).toBe('')
})

test.each([
  ['beyond the end', 0, 9_999, 2],
  ['so long that nobody agreed on it', 0, 0, 33 * 1_024 * 1_024],
  ['with another command than read', 3, 0, 0],
])('a request %s is invalid, and the next one is answered', async (_, type, start, length) => {
  await using server = await open()
  const { client } = server
  await ready(client)
  client.request(type, HANDLE, start, length)
  expect(await client.take(16)).toBe(reply(22))
  client.request(0, HANDLE, 0, 1)
  expect(await client.take(17)).toBe(reply(0) + bytes(0, 1))
})

test('a read that the image’s server refused is an error of the drive, not its end', async () => {
  let refuses = true
  await using server = await open(async () => {
    if (refuses) throw new Error('404')
    return image.subarray(0, 1)
  })
  const { client } = server
  await ready(client)
  client.request(0, HANDLE, 0, 1)
  expect(await client.take(16)).toBe(reply(5))
  refuses = false
  client.request(0, HANDLE, 0, 1)
  expect(await client.take(17)).toBe(reply(0) + bytes(0, 1))
})

test('a write ends the connection: nothing is ever written', async () => {
  await using server = await open()
  const { client } = server
  await ready(client)
  client.request(1, HANDLE, 0, 1)
  expect(await client.take(1)).toBe('')
})

test('the end of the server hangs up and leaves no socket', async () => {
  const server = await open()
  await ready(server.client)
  await server[Symbol.asyncDispose]()
  expect(existsSync(server.path)).toBe(false)
})
