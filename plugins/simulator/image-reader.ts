// SPDX-License-Identifier: AGPL-3.0-or-later
import undici from 'undici/index.js'
import type { Manners } from './manners.ts'

/** One request for an image, with what came. */
export interface ImageRead {
  readonly method: 'GET' | 'HEAD'
  readonly url: string
  /** As in the Range header; '' when none was sent. */
  readonly range: string
  readonly status: number
  readonly bytes: number
}

/** How a controller reads images over HTTP. */
export interface ReaderOptions {
  readonly imageTls: Manners['imageTls']
  /** Ask for `Connection: close` and open a connection for each range, as many controllers do. */
  readonly manyConnections: boolean
  readonly onRead: (read: ImageRead) => void
}

const TIMEOUT_MS = 15_000

/** Reads images by ranges over HTTP/1.1. Throws an Error that says what was answered instead. */
export class ImageReader {
  readonly #options: ReaderOptions
  readonly #agent: InstanceType<typeof undici.Agent>

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#agent = new undici.Agent({
      // 0 is undici's way to say: no keep-alive, send `Connection: close`.
      pipelining: options.manyConnections ? 0 : 1,
      connections: 2,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      connect: { rejectUnauthorized: options.imageTls === 'public-ca', timeout: TIMEOUT_MS },
    })
  }

  /** Size of the image by HEAD. */
  async size(url: string, signal: AbortSignal): Promise<number> {
    const { headers } = await this.#request('HEAD', url, '', signal)
    const size = Number(headers['content-length'])
    if (!Number.isSafeInteger(size) || size <= 0) throw new Error(`HEAD ${url} told no length`)
    return size
  }

  /** Bytes of the image; exactly `length` of them. */
  async read(url: string, start: number, length: number, signal: AbortSignal): Promise<Uint8Array> {
    const range = `bytes=${start}-${start + length - 1}`
    const { status, bytes } = await this.#request('GET', url, range, signal)
    if (status !== 206 || bytes.byteLength !== length) {
      throw new Error(`GET ${url} ${range} gave ${bytes.byteLength} bytes with status ${status}`)
    }
    return bytes
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #request(method: 'GET' | 'HEAD', url: string, range: string, signal: AbortSignal) {
    const {
      statusCode: status,
      headers,
      body,
    } = await undici.request(url, {
      method,
      dispatcher: this.#agent,
      signal,
      headers: range === '' ? {} : { range },
    })
    const bytes = new Uint8Array(await body.arrayBuffer())
    this.#options.onRead({ method, url, range, status, bytes: bytes.byteLength })
    if (status >= 300) throw new Error(`${method} ${url} was answered ${status}`)
    return { status, headers, bytes }
  }
}
