// SPDX-License-Identifier: AGPL-3.0-or-later
import type { IncomingMessage, ServerResponse } from 'node:http'
import { clientAddressOf } from '../../core/http/client-address.ts'
import type { Logger } from '../../core/log.ts'
import { type MediaImage, readImage } from '../../core/media.ts'
import { MiB } from '../../core/units.ts'
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

/** A piece that goes out, and where in the image it stands. */
interface Piece {
  readonly bytes: Uint8Array
  readonly at: number | undefined
}

/** What all responses together may hold of images, about: each reads smaller pieces when there are more. */
const HELD_BYTES = 16 * MiB
const SMALLEST_PIECE_BYTES = 65_536
const LARGEST_PIECE_BYTES = 524_288

const pieceBytesFor = (responses: number) =>
  Math.min(LARGEST_PIECE_BYTES, Math.max(SMALLEST_PIECE_BYTES, Math.floor(HELD_BYTES / responses)))

async function* piecesOf(
  body: Answer['body'],
  image: MediaImage,
  pieceBytes: number,
): AsyncGenerator<Piece> {
  for (const part of body) {
    if (part instanceof Uint8Array) {
      yield { bytes: part, at: undefined }
      continue
    }
    let at = part.start
    for await (const bytes of readImage(image, part.start, part.end, pieceBytes)) {
      yield { bytes, at }
      at += bytes.length
    }
  }
}

/** Resolves when the connection has taken the bytes; false when it is gone. */
function write(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve(false)
    const settle = () => {
      response.off('drain', settle)
      response.off('close', settle)
      resolve(!response.destroyed)
    }
    if (response.write(bytes)) return resolve(true)
    response.on('drain', settle)
    response.on('close', settle)
  })
}

/** Reads no further than the connection takes; nothing but the piece under way stands in memory. */
async function send(
  response: ServerResponse,
  answer: Answer,
  image: MediaImage,
  witness: Witness,
  pieceBytes: number,
): Promise<void> {
  const pieces = piecesOf(answer.body, image, pieceBytes)
  // The first piece comes before the status: an image that can not be read is a 500, not a stump.
  let next = await pieces.next()
  response.writeHead(answer.status, answer.headers)
  try {
    for (; !next.done; next = await pieces.next()) {
      const { bytes, at } = next.value
      if (!(await write(response, bytes))) return
      if (at !== undefined) witness.read(at, at + bytes.length)
    }
    response.end()
  } finally {
    await pieces.return(undefined)
  }
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
      else await send(response, answer, published.image, witness, pieceBytesFor(running.size))
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
