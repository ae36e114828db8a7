// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ByteRange, contentRange, parseRange } from '../../../core/http/range.ts'
import { ociFaults } from '../errors.ts'
import type { Digest } from '../store/digest.ts'
import { SMALL_BYTES } from '../store/objects.ts'
import { createReadAhead } from '../store/read-ahead.ts'
import type { OciStore } from '../store.ts'
import type { OciEvent } from '../watch/events.ts'
import { answer, type Call, checkName, clientHas, empty, readDigest, told } from './call.ts'

/** `bytes=9-5` names no byte: 416, where HTTP would have it ignored (the conformance suite asks for it). */
const BACKWARDS = /^\s*bytes\s*=\s*(\d+)\s*-\s*(\d+)\s*$/i

/** What is asked for: the whole, one part, or undefined for what lies outside. Several parts: the whole. */
function wantedOf(
  request: Request,
  etag: string,
  sizeBytes: number,
): ByteRange | 'whole' | undefined {
  const header = request.headers.get('range')
  if (header === null) return 'whole'
  const only = request.headers.get('if-range')
  if (only !== null && only !== etag) return 'whole'
  const [, first, last] = BACKWARDS.exec(header) ?? []
  if (first !== undefined && Number(last) < Number(first)) return undefined
  const parsed = parseRange(header, sizeBytes)
  if (parsed === 'unsatisfiable') return undefined
  return parsed === 'whole' || parsed.length > 1 ? 'whole' : parsed[0]
}

const unknown = (repository: string, digest: Digest) =>
  ociFaults.blobUnknown(`${digest} is not in ${repository}`)

/** `GET`, `HEAD` and `DELETE /v2/NAME/blobs/DIGEST`. */
export function createBlobRoutes(store: OciStore) {
  const { objects, manifests } = store
  const readAhead = createReadAhead(store.disk)

  const bodyOf = (digest: Digest, sizeBytes: number, range: ByteRange | undefined) => {
    const hot = sizeBytes <= SMALL_BYTES ? objects.hot(digest) : undefined
    if (hot) return range ? hot.subarray(range.start, range.end) : hot
    const path = objects.path(digest)
    readAhead.begin(path, range?.start ?? 0, range?.end ?? sizeBytes)
    const file = Bun.file(path)
    return range ? file.slice(range.start, range.end) : file
  }

  return {
    async get(call: Call, repository: string, reference: string): Promise<Response> {
      checkName(repository)
      const digest = readDigest(reference)
      const access = await call.admit('pull', repository, digest)
      const sizeBytes =
        objects.known(repository, digest) ?? (await objects.find(repository, digest))
      if (sizeBytes === undefined) throw unknown(repository, digest)
      const { request } = call
      const etag = `"${digest}"`
      const headers = {
        'Accept-Ranges': 'bytes',
        'Content-Type': 'application/octet-stream',
        'Docker-Content-Digest': digest,
        ETag: etag,
      }
      if (clientHas(request, etag)) return answer(304, headers)
      const range = wantedOf(request, etag, sizeBytes)
      if (!range) {
        throw ociFaults.rangeInvalid(`the blob has ${sizeBytes} bytes`, {
          headers: { 'Content-Range': contentRange(undefined, sizeBytes) },
        })
      }
      const part = range === 'whole' ? undefined : range
      const bytes = part ? part.end - part.start : sizeBytes
      const sized = {
        ...headers,
        'Content-Length': String(bytes),
        ...(part ? { 'Content-Range': contentRange(part, sizeBytes) } : {}),
      }
      const status = part ? 206 : 200
      if (request.method === 'HEAD') {
        if (access.may('push', repository)) store.promises.made(repository, digest)
        return answer(status, sized)
      }
      if (bytes > 0 && bytes <= SMALL_BYTES && sizeBytes <= SMALL_BYTES) await objects.bytes(digest)
      const body = bytes === 0 ? '' : bodyOf(digest, sizeBytes, part)
      store.tell({
        ...{ kind: 'pull', what: 'blob', repository, digest, bytes, ...told(access) },
        ...(call.peer ? { peer: call.peer } : {}),
      })
      return answer(status, sized, body)
    },

    async remove(call: Call, repository: string, reference: string): Promise<Response> {
      checkName(repository)
      const digest = readDigest(reference)
      const access = await call.admit('delete', repository, digest)
      const event = await store.repositoryLocks.alone(repository, async () => {
        const sizeBytes = await objects.find(repository, digest)
        const parent = await manifests.parent(repository, digest)
        if (parent !== undefined && sizeBytes !== undefined) {
          throw ociFaults.unsupported(
            `${digest} is part of the manifest ${parent} in ${repository}: delete that first`,
          )
        }
        if (await manifests.find(repository, digest)) {
          throw ociFaults.unsupported(`${digest} is a manifest: delete it as that`)
        }
        const gone: OciEvent = {
          ...{ kind: 'delete', what: 'blob', repository, digest, bytes: sizeBytes ?? 0 },
          ...told(access),
        }
        const removed = await objects.unlink(repository, digest, (tx) => store.record(tx, gone))
        if (!removed) throw unknown(repository, digest)
        return gone
      })
      store.tell(event)
      return empty(202)
    },
  }
}
