// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Access, OciAction } from '../access.ts'
import { OCI_HEADERS, ociFaults } from '../errors.ts'
import { type Digest, isDigest } from '../store/digest.ts'
import { isRepositoryName } from '../store/names.ts'

/** The other end of the connection of a call. */
export interface Peer {
  readonly address: string
  readonly port: number
  /** The connection broke before the answer was sent. */
  isGone(): boolean
}

/** One request below `/v2`. */
export interface Call {
  readonly request: Request
  readonly query: URLSearchParams
  /** The other end of the connection, where the listener can tell. */
  readonly peer?: Peer
  /** Lets the call in, or throws the fault of the door. `from`: where a mount takes from. */
  admit(action: OciAction, repository?: string, digest?: string, from?: string): Promise<Access>
  /** For a handler that may be silent for long: the connection is not cut for that. */
  keepOpen(): void
}

/** Who called, as events tell it. */
export const told = (access: Access) => ({
  by: access.name,
  ...(access.job ? { job: access.job } : {}),
  ...(access.address ? { address: access.address } : {}),
})

export type Handler = (call: Call) => Promise<Response>

/** An answer with the headers that all have. A HEAD gets the headers of its GET. */
export const answer = (
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Uint8Array<ArrayBuffer> | Blob | null = null,
): Response => new Response(body, { status, headers: { ...OCI_HEADERS, ...headers } })

/** An answer without a body. */
export const empty = (status: number, headers: Readonly<Record<string, string>> = {}): Response =>
  answer(status, status === 204 ? headers : { 'Content-Length': '0', ...headers })

export function json(
  call: Call,
  document: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  const body = JSON.stringify(document)
  return answer(
    200,
    {
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(body)),
      ...headers,
    },
    call.request.method === 'HEAD' ? null : body,
  )
}

/** Throws `oci.name-invalid`. */
export function checkName(repository: string): void {
  if (isRepositoryName(repository)) return
  throw ociFaults.nameInvalid(
    `${repository.slice(0, 100)} can not be the name of a repository: lower-case letters and digits, joined by . _ __ - or /, at most 200 in all`,
  )
}

/** Throws `oci.digest-invalid`. */
export function readDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw ociFaults.digestInvalid(
    `${text.slice(0, 150)} is no digest: sha256 with 64 or sha512 with 128 lower-case hex digits`,
  )
}

/** Length that the sender declares; undefined for a chunked body. */
export function declaredLength(request: Request): number | undefined {
  const text = request.headers.get('content-length')
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** RFC 9110, 13.1.2: the client has this very thing. Tags are compared weakly. */
export function clientHas(request: Request, etag: string): boolean {
  const known = request.headers.get('if-none-match')
  if (known === null) return false
  return (
    known.trim() === '*' || known.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
  )
}

/** `n` and `last` of a list. Throws `oci.page-invalid`. */
export function pageOf(query: URLSearchParams, most: number): { limit: number; after: string } {
  const n = query.get('n')
  if (n !== null && !/^\d{1,15}$/.test(n)) {
    throw ociFaults.pageInvalid('n must be a whole number, the most entries of a page')
  }
  return { limit: Math.min(n === null ? most : Number(n), most), after: query.get('last') ?? '' }
}
