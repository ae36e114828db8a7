// SPDX-License-Identifier: AGPL-3.0-or-later
import type { IncomingMessage, ServerResponse } from 'node:http'
import { clientAddressOf } from '../../core/http/client-address.ts'
import type { Logger } from '../../core/log.ts'
import { type ImageReader, type MediaImage, nextPieceBytes, openImage } from '../../core/media.ts'
import { KiB, MiB } from '../../core/units.ts'
import { type Answer, answerTo } from './answer.ts'
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

/** What all responses together may hold of images: each reads smaller pieces when there are more. */
const HELD_BYTES = 16 * MiB
const SMALLEST_PIECE_BYTES = 64 * KiB
const LARGEST_PIECE_BYTES = 512 * KiB

/** The largest piece of one response when so many run; a power of two, so that it seldom changes. */
export function pieceBytesFor(responses: number): number {
  const share = 2 ** Math.floor(Math.log2(HELD_BYTES / responses))
  return Math.min(LARGEST_PIECE_BYTES, Math.max(SMALLEST_PIECE_BYTES, share))
}

/** A piece that goes out, and where in the image it stands. It holds until the next is asked for. */
interface Piece {
  readonly bytes: Uint8Array
  readonly at: number | undefined
}

/** One buffer for all pieces of a response. A new one for each would wait for the collector by the hundred MiB. */
async function* piecesOf(
  body: Answer['body'],
  reader: ImageReader,
  largestBytes: () => number,
): AsyncGenerator<Piece> {
  let pieceBytes = 0
  let room = new Uint8Array(0)
  for (const part of body) {
    if (part instanceof Uint8Array) {
      yield { bytes: part, at: undefined }
      continue
    }
    for (let at = part.start; at < part.end; ) {
      pieceBytes = nextPieceBytes(pieceBytes, largestBytes())
      const wanted = Math.min(pieceBytes, part.end - at)
      if (room.length < wanted || room.length > pieceBytes) room = new Uint8Array(wanted)
      const length = await reader.read(room.subarray(0, wanted), at)
      if (length === 0) throw new Error('the image ends before its size')
      yield { bytes: room.subarray(0, length), at }
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
  largestBytes: () => number,
): Promise<void> {
  await using reader = openImage(image)
  const pieces = piecesOf(answer.body, reader, largestBytes)
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
  const largestBytes = () => pieceBytesFor(running.size)

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
      else await send(response, answer, published.image, witness, largestBytes)
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
