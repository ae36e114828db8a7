// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Access } from '../access.ts'
import { ociFaults } from '../errors.ts'
import { algorithmOf, type Digest, digestOf, isDigestAlgorithm } from '../store/digest.ts'
import { isRepositoryName } from '../store/names.ts'
import { SMALL_BYTES } from '../store/objects.ts'
import { uploadHeaders } from '../store/uploads.ts'
import type { OciStore } from '../store.ts'
import { bodyOf, wholeBody } from './body.ts'
import { type Call, checkName, declaredLength, empty, readDigest, told } from './call.ts'

const stored = (repository: string, digest: Digest) =>
  empty(201, {
    Location: `/v2/${repository}/blobs/${digest}`,
    'Docker-Content-Digest': digest,
  })

interface SmallPush {
  readonly repository: string
  readonly digest: Digest
  /** Told what came of a body that was cut. */
  readonly keep?: (came: Uint8Array) => void
}

/** The upload sessions of distribution-spec: POST, PATCH, PUT, GET and DELETE below `blobs/uploads`. */
export function createUploadRoutes(store: OciStore) {
  const { uploads, objects, config } = store

  const tellPush = (access: Access, repository: string, digest: Digest, bytes: number) =>
    store.tell({ kind: 'push', what: 'blob', repository, digest, bytes, ...told(access) })

  /** Small enough for one commit without a file of its own. */
  const isSmall = (request: Request) => {
    const declared = declaredLength(request)
    return declared !== undefined && declared <= SMALL_BYTES
  }

  const pushBytes = async (
    { request }: Call,
    access: Access,
    { repository, digest, keep }: SmallPush,
  ) => {
    // Before a byte is read: what does not fit is not asked for.
    using room = await store.roomFor(repository, digest, declaredLength(request) ?? 0)
    const bytes = await wholeBody(request, SMALL_BYTES, config.upload_idle_ms, keep)
    const actual = digestOf(bytes, algorithmOf(digest))
    if (actual !== digest) {
      throw ociFaults.digestInvalid(
        `the ${bytes.byteLength} bytes have the digest ${actual}, not ${digest}; nothing was stored`,
      )
    }
    await objects.putBytes(repository, digest, bytes)
    room.stored()
    tellPush(access, repository, digest, bytes.byteLength)
    return stored(repository, digest)
  }

  const mount = async (call: Call, access: Access, repository: string, digest: Digest) => {
    const from = call.query.get('from')
    const sources = from === null ? await objects.holders(digest) : [from]
    // No token can name a source that its bearer does not know.
    const may = from === null ? access.mayByRight : access.may
    if (!sources.some((source) => may('pull', source, digest))) return undefined
    if (from !== null && (await objects.find(from, digest)) === undefined) return undefined
    const [source] = sources
    const sizeBytes = source === undefined ? undefined : await objects.find(source, digest)
    using room = await store.roomFor(repository, digest, sizeBytes ?? 0)
    if (!(await objects.mount(repository, digest))) return undefined
    room.stored()
    store.tell({
      ...{ kind: 'mount', what: 'blob', repository, digest, ...told(access) },
      bytes: (await objects.find(repository, digest)) ?? 0,
    })
    return stored(repository, digest)
  }

  /** Of a blob that comes in pieces, whose client says how long it will be: `slipway oci push` does. */
  const checkLength = async ({ request }: Call, repository: string): Promise<void> => {
    const length = request.headers.get('upload-length') ?? ''
    if (!/^\d{1,15}$/.test(length)) return
    using _ = await store.room.take(repository, Number(length))
  }

  const finish = async (call: Call, access: Access, repository: string, id: string) => {
    const { request } = call
    const digest = readDigest(call.query.get('digest') ?? '')
    const upload = uploads.get(repository, id)
    const range = chunkRange(request)
    call.keepOpen()
    const whole = upload.sizeBytes === 0 && !upload.receiving && (range?.from ?? 0) === 0
    if (whole && isSmall(request)) {
      return uploads.replace(id, (keep) => pushBytes(call, access, { repository, digest, keep }))
    }
    using room = await store.room.take(repository, declaredLength(request), upload)
    const hasBody = request.body !== null && declaredLength(request) !== 0
    const body = room.metered(bodyOf(request, config.upload_idle_ms))
    const last = { body, from: range?.from }
    const sizeBytes = await uploads.finish(
      id,
      digest,
      hasBody || range ? last : undefined,
      async (path, size) => {
        await objects.putFile(repository, digest, path, size)
        room.stored()
      },
    )
    tellPush(access, repository, digest, sizeBytes)
    return stored(repository, digest)
  }

  return {
    /** `POST /v2/NAME/blobs/uploads/`, with `digest`, `mount` or neither. */
    async begin(call: Call, repository: string): Promise<Response> {
      checkName(repository)
      const mounted = call.query.get('mount')
      const from = mounted === null ? null : call.query.get('from')
      const access = await call.admit(
        ...(['push', repository, undefined] as const),
        from !== null && isRepositoryName(from) ? from : undefined,
      )
      if (mounted !== null) {
        const answered = await mount(call, access, repository, readDigest(mounted))
        if (answered) return answered
      }
      const whole = call.query.get('digest')
      if (whole === null) {
        const algorithm = call.query.get('digest-algorithm') ?? 'sha256'
        if (!isDigestAlgorithm(algorithm)) {
          throw ociFaults.digestInvalid(
            `${algorithm.slice(0, 40)} is no digest algorithm of this registry: sha256, sha512`,
          )
        }
        await checkLength(call, repository)
        return empty(202, uploadHeaders(uploads.begin(repository, access.name, algorithm)))
      }
      const digest = readDigest(whole)
      if (isSmall(call.request)) return pushBytes(call, access, { repository, digest })
      return finish(call, access, repository, uploads.begin(repository, access.name).id)
    },

    /** `PATCH` of a session: a chunk with `Content-Range`, or a stream without. */
    async append(call: Call, repository: string, id: string): Promise<Response> {
      checkName(repository)
      await call.admit('push', repository)
      const { request } = call
      const upload = uploads.get(repository, id)
      const range = chunkRange(request)
      const declared = declaredLength(request)
      if (range?.bytes !== undefined && declared !== undefined && declared !== range.bytes) {
        throw ociFaults.uploadInvalid(
          `Content-Range says ${range.bytes} bytes, and Content-Length ${declared}`,
        )
      }
      call.keepOpen()
      using room = await store.room.take(repository, declared, upload)
      const body = room.metered(bodyOf(request, config.upload_idle_ms))
      await uploads.append(id, body, range?.from)
      return empty(202, uploadHeaders(uploads.get(repository, upload.id)))
    },

    async finish(call: Call, repository: string, id: string): Promise<Response> {
      checkName(repository)
      return finish(call, await call.admit('push', repository), repository, id)
    },

    async status(call: Call, repository: string, id: string): Promise<Response> {
      checkName(repository)
      await call.admit('push', repository)
      return empty(204, uploadHeaders(uploads.get(repository, id)))
    },

    async cancel(call: Call, repository: string, id: string): Promise<Response> {
      checkName(repository)
      await call.admit('push', repository)
      await uploads.cancel(repository, id)
      return empty(204)
    },
  }
}

/** `Content-Range: 0-99`, or in HTTP's own form `bytes 0-99/*`. Throws `oci.upload-invalid`. */
function chunkRange(request: Request): { from: number; bytes: number } | undefined {
  const text = request.headers.get('content-range')
  if (text === null) return undefined
  const [, first = '', last = ''] =
    /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/.*)?$/.exec(text.trim()) ?? []
  const from = Number(first)
  const bytes = Number(last) - from + 1
  if (first !== '' && bytes > 0) return { from, bytes }
  throw ociFaults.uploadInvalid('Content-Range must be the first and last byte: 0-1023')
}
