// SPDX-License-Identifier: AGPL-3.0-or-later
import type { IncomingMessage, ServerResponse } from 'node:http'
import { clientAddressOf } from '../../core/http/client-address.ts'
import type { Logger } from '../../core/log.ts'
import { type ImageReader, type MediaImage, openImage } from '../../core/media.ts'
import { KiB } from '../../core/units.ts'
import { type Answer, answerTo } from './answer.ts'
import { type Buffers, createBuffers } from './buffers.ts'
import type { Evidence, Witness } from './evidence.ts'
import type { TokenLookup } from './token-lookup.ts'

export const MEDIA_PREFIX = '/media/'
/** Nothing is decoded: `..`, `%2e` and `//` are simply other paths, and there is nothing there. */
const MEDIA_PATH = /^\/media\/t\/([0-9a-f]{32})\/(boot\.iso|task\.iso|task\.img)$/

export interface MediaServer {
  /** For `routes.field.raw(MEDIA_PREFIX, …)`. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Ends the responses of a job whose token is over. */
  cut(jobId: string): void
}

/** Each response holds one such piece, and the runtime what the kernel has not taken of it. Longer ones were hardly faster. */
export const PIECE_BYTES = 128 * KiB
/** So many readers find a buffer ready; that of one more is garbage when it ends. */
const MOST_KEPT = 128

/** A piece that goes out, and where in the image it stands. It holds until the next is asked for. */
interface Piece {
  readonly bytes: Uint8Array
  readonly at: number | undefined
}

async function* piecesOf(
  body: Answer['body'],
  reader: ImageReader,
  buffers: Buffers,
): AsyncGenerator<Piece> {
  for (const part of body) {
    if (part instanceof Uint8Array) {
      yield { bytes: part, at: undefined }
      continue
    }
    for (let at = part.start; at < part.end; ) {
      const buffer = buffers.take()
      const length = await reader.read(buffer.subarray(0, part.end - at), at)
      if (length === 0) throw new Error('the image ends before its size')
      yield { bytes: buffer.subarray(0, length), at }
      // Not reached when the connection broke: something of it may still hold the buffer.
      buffers.give(buffer)
      at += length
    }
  }
}

/**
 * Resolves when the kernel has all of the bytes, and their buffer may be filled anew; false when the
 * connection is gone. Only the callback says that: a write that returned true may still be queued.
 */
function write(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve(false)
    const gone = () => resolve(false)
    response.once('close', gone)
    response.write(bytes, (error) => {
      response.off('close', gone)
      resolve(!error && !response.destroyed)
    })
  })
}

/** Reads no further than the connection takes; nothing but the piece under way stands in memory. */
async function send(
  response: ServerResponse,
  answer: Answer,
  image: MediaImage,
  witness: Witness,
  buffers: Buffers,
): Promise<void> {
  await using reader = openImage(image)
  const pieces = piecesOf(answer.body, reader, buffers)
  // The first piece comes before the status: an image that can not be read is a 500, not a stump.
  let next = await pieces.next()
  response.writeHead(answer.status, answer.headers)
  for (; !next.done; next = await pieces.next()) {
    const { bytes, at } = next.value
    if (!(await write(response, bytes))) return
    if (at !== undefined) witness.read(at, at + bytes.length)
  }
  response.end()
}

const refuse = (response: ServerResponse, status: 404 | 405 | 500): void => {
  const allow = status === 405 ? { Allow: 'GET, HEAD' } : {}
  response.writeHead(status, { ...allow, 'Content-Length': 0 }).end()
}

/** Serves images by path token to BMCs: every length exact, nothing chunked, compressed or redirected. */
export function createMediaServer(parts: {
  readonly tokens: TokenLookup
  readonly evidence: Evidence
  readonly log: Logger
}): MediaServer {
  const running = new Map<ServerResponse, string>()
  const buffers = createBuffers(PIECE_BYTES, MOST_KEPT)

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method } = request
    if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405)
    const [path = ''] = (request.url ?? '').split('?')
    const [, token, name] = MEDIA_PATH.exec(path) ?? []
    const opened = token ? await parts.tokens.find(token) : undefined
    const published = opened?.images.find((image) => image.name === name)
    if (!opened || !published) return refuse(response, 404)
    if (response.destroyed) return

    const { job } = opened
    const witness = parts.evidence.begin(job, published, method, clientAddressOf(request))
    const answer = answerTo(method, request.headers, published.image)
    running.set(response, job.id)
    try {
      if (method === 'HEAD') response.writeHead(answer.status, answer.headers).end()
      else await send(response, answer, published.image, witness, buffers)
    } finally {
      running.delete(response)
      witness.end()
    }
  }

  return {
    handle(request, response) {
      serve(request, response).catch((err: unknown) => {
        // Without the URL: it holds the token.
        parts.log.error({ err, from: clientAddressOf(request) }, 'an image could not be read')
        if (response.headersSent) response.destroy()
        else refuse(response, 500)
      })
    },
    cut(jobId) {
      for (const [response, job] of running) if (job === jobId) response.destroy()
    },
  }
}
