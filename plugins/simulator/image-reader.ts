// SPDX-License-Identifier: AGPL-3.0-or-later

import { sleep } from '../../core/retry.ts'
import { type Undici, undici } from '../../core/undici.ts'
import { SECOND } from '../../core/units.ts'
import type { ByteSource } from '../iso/index.ts'
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

/** The manners that concern the reading of images. */
type ReaderManners = Pick<
  Manners,
  'imageTls' | 'manyConnections' | 'mediaBytesPerS' | 'mediaBreaks'
>

const TIMEOUT_MS = 15_000

/** Reads images by ranges over HTTP/1.1. Throws an Error that says what was answered instead. */
export class ImageReader {
  readonly #onRead: (read: ImageRead) => void
  readonly #agent: InstanceType<Undici['Agent']>

  readonly #manners: ReaderManners
  #bytesSinceBreak = 0
  #breaks = 0

  constructor(manners: ReaderManners, onRead: (read: ImageRead) => void) {
    const { imageTls, manyConnections } = manners
    this.#manners = manners
    this.#onRead = onRead
    this.#agent = new (undici().Agent)({
      // 0 is undici's way to say: no keep-alive, send `Connection: close`.
      pipelining: manyConnections ? 0 : 1,
      connections: 2,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      connect: { rejectUnauthorized: imageTls === 'public-ca', timeout: TIMEOUT_MS },
    })
  }

  /** Asks for the size by HEAD; the source reads by ranges until the signal. */
  async open(url: string, signal: AbortSignal): Promise<ByteSource> {
    const { headers } = await this.#request('HEAD', url, '', signal)
    const sizeBytes = Number(headers['content-length'])
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) {
      throw new Error(`HEAD ${url} told no length`)
    }
    return { sizeBytes, read: (start, length) => this.#read(url, start, length, signal) }
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #read(url: string, start: number, length: number, signal: AbortSignal) {
    const range = `bytes=${start}-${start + length - 1}`
    const { status, bytes } = await this.#request('GET', url, range, signal)
    if (status !== 206 || bytes.byteLength !== length) {
      throw new Error(`GET ${url} ${range} gave ${bytes.byteLength} bytes with status ${status}`)
    }
    await this.#overLine(bytes.byteLength, signal)
    return bytes
  }

  /** What the line does to so many bytes: takes its time, or breaks. */
  async #overLine(bytes: number, signal: AbortSignal): Promise<void> {
    const { mediaBytesPerS, mediaBreaks } = this.#manners
    if (mediaBytesPerS !== undefined) await sleep((bytes / mediaBytesPerS) * SECOND, signal)
    this.#bytesSinceBreak += bytes
    if (!mediaBreaks || this.#breaks >= mediaBreaks.times) return
    if (this.#bytesSinceBreak <= mediaBreaks.afterBytes) return
    this.#breaks += 1
    this.#bytesSinceBreak = 0
    throw new Error('the line to the image broke')
  }

  async #request(method: 'GET' | 'HEAD', url: string, range: string, signal: AbortSignal) {
    const {
      statusCode: status,
      headers,
      body,
    } = await undici().request(url, {
      method,
      dispatcher: this.#agent,
      signal,
      headers: range === '' ? {} : { range },
    })
    const bytes = new Uint8Array(await body.arrayBuffer())
    this.#onRead({ method, url, range, status, bytes: bytes.byteLength })
    if (status >= 300) throw new Error(`${method} ${url} was answered ${status}`)
    return { status, headers, bytes }
  }
}
