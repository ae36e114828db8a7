// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults, Fault } from '../../core/faults.ts'
import { lacksRoom } from '../../core/http/problem.ts'
import type { Logger } from '../../core/log.ts'

export const ociFaults = defineFaults('oci', {
  blobUnknown: { status: 404, retry: false },
  /** Chunk and declared length differ, or the session can not take what was sent. */
  uploadInvalid: { status: 400, retry: false },
  /** Not where the session stands; its bytes are kept. */
  uploadRange: { status: 416, retry: false },
  /** Somebody else is sending into the same session. */
  uploadBusy: { status: 409, retry: true },
  uploadUnknown: { status: 404, retry: false },
  /** No byte came for too long; what came before is kept. */
  uploadIdle: { status: 408, retry: true },
  /** The connection broke in the middle of a body; what came before is kept. */
  cutShort: { status: 400, retry: true },
  digestInvalid: { status: 400, retry: false },
  manifestBlobUnknown: { status: 400, retry: false },
  manifestInvalid: { status: 400, retry: false },
  manifestUnknown: { status: 404, retry: false },
  nameInvalid: { status: 400, retry: false },
  nameUnknown: { status: 404, retry: false },
  sizeInvalid: { status: 413, retry: false },
  pageInvalid: { status: 400, retry: false },
  tooManyTags: { status: 414, retry: false },
  rangeInvalid: { status: 416, retry: false },
  unauthorized: { status: 401, retry: false },
  denied: { status: 403, retry: false },
  unsupported: { status: 405, retry: false },
  notFound: { status: 404, retry: false },
  storageFull: { status: 507, retry: false },
  /** The store is still being opened. */
  starting: { status: 503, retry: true },
})

/** distribution-spec v1.1.1, "Error Codes"; `TAG_INVALID` and the page's are of its predecessors. */
const OCI_CODES: Readonly<Record<string, string>> = {
  'oci.blob-unknown': 'BLOB_UNKNOWN',
  'oci.upload-invalid': 'BLOB_UPLOAD_INVALID',
  'oci.upload-range': 'BLOB_UPLOAD_INVALID',
  'oci.upload-busy': 'BLOB_UPLOAD_INVALID',
  'oci.upload-idle': 'BLOB_UPLOAD_INVALID',
  'oci.cut-short': 'BLOB_UPLOAD_INVALID',
  'oci.upload-unknown': 'BLOB_UPLOAD_UNKNOWN',
  'oci.digest-invalid': 'DIGEST_INVALID',
  'oci.manifest-blob-unknown': 'MANIFEST_BLOB_UNKNOWN',
  'oci.manifest-invalid': 'MANIFEST_INVALID',
  'oci.manifest-unknown': 'MANIFEST_UNKNOWN',
  'oci.name-invalid': 'NAME_INVALID',
  'oci.name-unknown': 'NAME_UNKNOWN',
  'oci.size-invalid': 'SIZE_INVALID',
  'oci.range-invalid': 'SIZE_INVALID',
  'oci.page-invalid': 'PAGINATION_NUMBER_INVALID',
}

const CODE_BY_STATUS: Readonly<Record<number, string>> = {
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'NAME_UNKNOWN',
  405: 'UNSUPPORTED',
  429: 'TOOMANYREQUESTS',
  503: 'UNAVAILABLE',
  507: 'DENIED',
}

interface OciError {
  readonly code: string
  readonly message: string
  readonly detail?: unknown
}

/** One entry for the fault, or one for each of its details: a push lists all that it lacks. */
function entriesOf(fault: Fault): readonly OciError[] {
  const code = OCI_CODES[fault.code] ?? CODE_BY_STATUS[fault.kind.status] ?? 'UNSUPPORTED'
  if (!fault.details) return [{ code, message: fault.message }]
  return fault.details.map(({ path, message }) => ({ code, message, detail: { path } }))
}

/** The body of every error below `/v2`, as the specification prescribes it. */
export const ociBody = (errors: readonly OciError[]): string => JSON.stringify({ errors })

const foreseen = (error: unknown): unknown =>
  !(error instanceof Fault) && lacksRoom(error)
    ? ociFaults.storageFull(
        'storage full: nothing was stored; delete what is not needed, run the garbage collection or add disk, and push again',
        { cause: error },
      )
    : error

/** Headers of every answer below `/v2`: old engines look for the first even at a 401. */
export const OCI_HEADERS = { 'Docker-Distribution-API-Version': 'registry/2.0' } as const

/** Turns what a handler threw into its answer. Of a bug nothing leaves but the request id. */
export function errorResponse(
  raised: unknown,
  { request, requestId, log }: { request: Request; requestId: string; log: Logger },
): Response {
  const error = foreseen(raised)
  const headers = new Headers({ ...OCI_HEADERS, 'Content-Type': 'application/json' })
  const respond = (status: number, body: string) => {
    headers.set('Content-Length', String(Buffer.byteLength(body)))
    return new Response(request.method === 'HEAD' ? null : body, { status, headers })
  }
  if (error instanceof Fault) {
    if (error.kind.status >= 500) log.warn({ request: requestId, err: error }, 'a call failed')
    for (const [name, value] of Object.entries(error.headers ?? {})) headers.set(name, value)
    if (error.retryAfterSeconds !== undefined) {
      headers.set('Retry-After', String(Math.ceil(error.retryAfterSeconds)))
    }
    return respond(error.kind.status, ociBody(entriesOf(error)))
  }
  if (request.signal.aborted) {
    log.debug({ request: requestId, err: error }, 'a call was cut off')
    return respond(400, ociBody([{ code: 'UNSUPPORTED', message: 'the call was cut off' }]))
  }
  log.error(
    { request: requestId, path: new URL(request.url).pathname, err: error },
    'bug in a call',
  )
  const message = `something went wrong here; the log says more under request ${requestId}`
  return respond(500, ociBody([{ code: 'UNKNOWN', message }]))
}
