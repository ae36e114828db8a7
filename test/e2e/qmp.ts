// SPDX-License-Identifier: AGPL-3.0-or-later
import { connect, type Socket } from 'node:net'

/** Something that QEMU tells by itself. */
export interface QmpEvent {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

type Waiting = PromiseWithResolvers<unknown>

/** QEMU's machine protocol at a Unix socket. */
export class Qmp {
  /** Resolves when QEMU has closed it. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #onEvent: (event: QmpEvent) => void
  readonly #waiting = new Map<number, Waiting>()
  readonly #greeting = Promise.withResolvers<void>()
  #last = 0
  #rest = ''

  private constructor(socket: Socket, onEvent: (event: QmpEvent) => void) {
    this.#socket = socket
    this.#onEvent = onEvent
    // Nobody waits for a greeting that never came once the socket is closed.
    this.#greeting.promise.catch(() => undefined)
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        const gone = new Error('QEMU closed its control socket')
        this.#greeting.reject(gone)
        for (const { reject } of this.#waiting.values()) reject(gone)
        resolve()
      })
    })
    socket.setEncoding('utf8').on('error', () => socket.destroy())
    socket.on('data', (text) => this.#read(String(text)))
  }

  /** Rejects when nothing listens there. */
  static async open(path: string, onEvent: (event: QmpEvent) => void): Promise<Qmp> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const attempt = connect(path, () => resolve(attempt)).once('error', reject)
    })
    const qmp = new Qmp(socket, onEvent)
    await qmp.#greeting.promise
    await qmp.run('qmp_capabilities')
    return qmp
  }

  /** One command; rejects with QEMU's own words. */
  async run(execute: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#last
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    if (this.#socket.destroyed) waiting.reject(new Error('QEMU closed its control socket'))
    this.#socket.write(`${JSON.stringify({ execute, arguments: args, id })}\n`)
    try {
      return await waiting.promise
    } catch (cause) {
      throw new Error(`${execute}: ${String(cause)}`, { cause })
    } finally {
      this.#waiting.delete(id)
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') this.#hear(JSON.parse(line))
  }

  #hear(message: QmpMessage): void {
    if (message.QMP) this.#greeting.resolve()
    if (message.event) this.#onEvent({ event: message.event, data: message.data ?? {} })
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id)
    if (message.error) waiting?.reject(new Error(message.error.desc))
    else waiting?.resolve(message.return)
  }
}

interface QmpMessage {
  readonly QMP?: unknown
  readonly event?: string
  readonly data?: Readonly<Record<string, unknown>>
  readonly id?: number
  readonly return?: unknown
  readonly error?: { readonly desc: string }
}
