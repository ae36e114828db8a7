// SPDX-License-Identifier: AGPL-3.0-or-later
import { createServer, type Socket } from 'node:net'
import type { ByteSource } from '../../plugins/iso/index.ts'

/** The NBD protocol's numbers: doc/proto.md of NetworkBlockDevice/nbd. */
const INIT_MAGIC = 0x4e42444d41474943n
const OPTION_MAGIC = 0x49484156454f5054n
const OPTION_REPLY_MAGIC = 0x0003e889045565a9n
const REQUEST_MAGIC = 0x25609513
const SIMPLE_REPLY_MAGIC = 0x67446698
/** Fixed newstyle, no zeroes after the export's flags. */
const SERVER_FLAGS = 0b11
const NO_ZEROES = 0b10
/** NBD_FLAG_HAS_FLAGS, NBD_FLAG_READ_ONLY, NBD_FLAG_CAN_MULTI_CONN. */
const EXPORT_FLAGS = 0b1_0000_0011
const OPTION = { exportName: 1, abort: 2, info: 6, go: 7 } as const
const REPLY = { ack: 1, info: 3, unsupported: 0x8000_0001 } as const
const COMMAND = { read: 0, write: 1, disconnect: 2 } as const
const ERROR = { io: 5, invalid: 22 } as const
/** Longest read that a client may ask without having agreed on more. */
const LONGEST_READ = 32 * 1_024 * 1_024
/** Longest option; names are at most 4096 bytes. */
const LONGEST_OPTION = 65_536

/** One image, read-only, to any number of clients at a Unix socket. Disposing breaks their connections. */
export async function serveNbd(path: string, source: ByteSource): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A client that goes away in the middle is its own affair.
    socket.on('error', () => socket.destroy())
    void new Conversation(socket, source).hold().finally(() => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(path, resolve)
  })
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}

/** One client: haggling, then reads until it leaves. */
class Conversation {
  readonly #socket: Socket
  readonly #source: ByteSource
  readonly #input: AsyncIterator<Buffer>
  #buffered = Buffer.alloc(0)

  constructor(socket: Socket, source: ByteSource) {
    this.#socket = socket
    this.#source = source
    this.#input = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  }

  /** Ends when the client does. */
  async hold(): Promise<void> {
    try {
      if (await this.#haggle()) await this.#transmit()
    } catch (error) {
      if (!(error instanceof ClientLeft)) throw error
    }
  }

  /** True when the client has chosen the export. */
  async #haggle(): Promise<boolean> {
    this.#socket.write(Buffer.concat([u64(INIT_MAGIC), u64(OPTION_MAGIC), u16(SERVER_FLAGS)]))
    const noZeroes = ((await this.#take(4)).readUInt32BE() & NO_ZEROES) !== 0
    for (;;) {
      const head = await this.#take(16)
      const length = head.readUInt32BE(12)
      if (head.readBigUInt64BE() !== OPTION_MAGIC || length > LONGEST_OPTION) return false
      const option = head.readUInt32BE(8)
      // What it would like to know besides: the answer is the same.
      await this.#take(length)
      if (option === OPTION.exportName) {
        const zeroes = Buffer.alloc(noZeroes ? 0 : 124)
        this.#socket.write(Buffer.concat([this.#exportInfo(), zeroes]))
        return true
      }
      if (option === OPTION.info || option === OPTION.go) this.#tellExport(option)
      else this.#replyOption(option, option === OPTION.abort ? REPLY.ack : REPLY.unsupported)
      if (option === OPTION.abort) return false
      if (option === OPTION.go) return true
    }
  }

  #exportInfo(): Buffer {
    return Buffer.concat([u64(BigInt(this.#source.sizeBytes)), u16(EXPORT_FLAGS)])
  }

  /** NBD_INFO_EXPORT, whatever else the client would like to know. */
  #tellExport(option: number): void {
    this.#replyOption(option, REPLY.info, Buffer.concat([u16(0), this.#exportInfo()]))
    this.#replyOption(option, REPLY.ack)
  }

  #replyOption(option: number, reply: number, data = Buffer.alloc(0)): void {
    const head = [u64(OPTION_REPLY_MAGIC), u32(option), u32(reply), u32(data.byteLength)]
    this.#socket.write(Buffer.concat([...head, data]))
  }

  /** Requests are worked on side by side, as the image's server answers. */
  async #transmit(): Promise<void> {
    for (;;) {
      const request = await this.#take(28)
      if (request.readUInt32BE() !== REQUEST_MAGIC) return
      const command = request.readUInt16BE(6)
      const handle = Buffer.from(request.subarray(8, 16))
      const [start, length] = [Number(request.readBigUInt64BE(16)), request.readUInt32BE(24)]
      if (command === COMMAND.disconnect) return
      if (command === COMMAND.read) void this.#read(handle, start, length)
      // A write's payload follows its request: nothing can be made of what comes after it.
      else if (command === COMMAND.write) return
      else this.#answer(handle, ERROR.invalid)
    }
  }

  async #read(handle: Buffer, start: number, length: number): Promise<void> {
    if (length > LONGEST_READ || start + length > this.#source.sizeBytes) {
      this.#answer(handle, ERROR.invalid)
      return
    }
    try {
      this.#answer(handle, 0, await this.#source.read(start, length))
    } catch {
      // Whoever reads from the image's server says why; a drive knows only that it failed.
      this.#answer(handle, ERROR.io)
    }
  }

  #answer(handle: Buffer, error: number, data: Uint8Array = new Uint8Array(0)): void {
    if (this.#socket.destroyed) return
    this.#socket.write(Buffer.concat([u32(SIMPLE_REPLY_MAGIC), u32(error), handle, data]))
  }

  /** The next bytes. Throws ClientLeft when they do not come. */
  async #take(length: number): Promise<Buffer> {
    while (this.#buffered.byteLength < length) {
      const { value, done } = await this.#input.next().catch((cause: unknown) => {
        throw new ClientLeft('the connection broke', { cause })
      })
      if (done) throw new ClientLeft('the client left')
      this.#buffered = Buffer.concat([this.#buffered, value])
    }
    const taken = this.#buffered.subarray(0, length)
    this.#buffered = this.#buffered.subarray(length)
    return taken
  }
}

class ClientLeft extends Error {}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}
