// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Tx } from '../../../core/store/client.ts'
import type { Access } from '../access.ts'
import { ociFaults } from '../errors.ts'
import { algorithmOf, type Digest, digestOf, isDigest, looksLikeDigest } from '../store/digest.ts'
import { readManifest } from '../store/manifest.ts'
import type { ManifestRecord } from '../store/manifests.ts'
import { isTag } from '../store/names.ts'
import type { OciStore } from '../store.ts'
import type { OciEvent } from '../watch/events.ts'
import { wholeBody } from './body.ts'
import {
  answer,
  type Call,
  checkName,
  clientHas,
  declaredLength,
  empty,
  readDigest,
  told,
} from './call.ts'

/** Most `?tag=` of one push. */
const MOST_TAGS = 100

const damaged = (digest: Digest) =>
  ociFaults.manifestUnknown(`${digest} is damaged in the store: push it again, which heals it`)

/** `GET`, `HEAD`, `PUT` and `DELETE /v2/NAME/manifests/REFERENCE`. */
export function createManifestRoutes(store: OciStore) {
  const { manifests, tags, objects, config } = store
  const allowed = new Set(config.manifest_types)

  const unknown = async (repository: string, reference: string) =>
    (await store.repositories.find(repository))
      ? ociFaults.manifestUnknown(`${repository} has no manifest ${reference.slice(0, 150)}`)
      : ociFaults.nameUnknown(`there is no repository ${repository}`)

  const deref = async (repository: string, reference: string): Promise<Digest | undefined> => {
    if (isDigest(reference)) return reference
    if (looksLikeDigest(reference)) return readDigest(reference)
    if (!isTag(reference)) return undefined
    return tags.known(repository, reference) ?? (await tags.find(repository, reference))
  }

  /** Bytes that still have their digest: damaged ones are not served. */
  const bytesOf = async (repository: string, digest: Digest) => {
    const hot = objects.hot(digest)
    if (hot) return hot
    const bytes = await objects.bytes(digest).catch((err: unknown) => {
      store.log.error({ err, repository, digest }, 'the file of a manifest can not be read')
      return undefined
    })
    if (bytes && digestOf(bytes, algorithmOf(digest)) === digest) return bytes
    objects.forget(repository, digest)
    if (bytes) store.log.error({ repository, digest }, 'the file of a manifest is damaged')
    throw damaged(digest)
  }

  const serve = async (
    { request }: Call,
    access: Access,
    repository: string,
    record: ManifestRecord,
    tag: string | undefined,
  ): Promise<Response> => {
    const { digest, mediaType, sizeBytes } = record
    // Quarantined: a client that asks by HEAD pushes it, which heals it.
    if (
      (objects.known(repository, digest) ?? (await objects.find(repository, digest))) === undefined
    ) {
      throw damaged(digest)
    }
    const etag = `"${digest}"`
    const headers = {
      'Content-Type': mediaType,
      'Docker-Content-Digest': digest,
      ETag: etag,
      ...store.warnings(repository, tag),
    }
    if (clientHas(request, etag)) return answer(304, headers)
    const sized = { ...headers, 'Content-Length': String(sizeBytes) }
    if (request.method === 'HEAD') {
      if (access.may('push', repository)) store.promises.made(repository, digest)
      return answer(200, sized)
    }
    const bytes = objects.hot(digest) ?? (await bytesOf(repository, digest))
    store.tell({
      ...{ kind: 'pull', what: 'manifest', repository, digest, mediaType, bytes: sizeBytes },
      ...(tag === undefined ? {} : { tag }),
      ...told(access),
    })
    return answer(200, sized, bytes)
  }

  /** The tags that this push sets, and the digest that it must have. */
  const targetsOf = (call: Call, reference: string) => {
    const wanted = call.query.getAll('tag')
    if (wanted.length > MOST_TAGS) {
      throw ociFaults.tooManyTags(`a push sets at most ${MOST_TAGS} tags`)
    }
    const names = looksLikeDigest(reference) ? wanted : [reference, ...wanted]
    for (const name of names) {
      if (isTag(name)) continue
      throw ociFaults.manifestInvalid(
        `${name.slice(0, 150)} can not be a tag: letters, digits, _ . and -, at most 128, not beginning with . or -`,
      )
    }
    return {
      tags: [...new Set(names)],
      digest: looksLikeDigest(reference) ? readDigest(reference) : undefined,
      extra: wanted,
    }
  }

  const readBody = async ({ request }: Call): Promise<Uint8Array<ArrayBuffer>> => {
    const most = config.manifest_max_bytes
    if ((declaredLength(request) ?? 0) > most) {
      throw ociFaults.sizeInvalid(`a manifest may have at most ${most} bytes`)
    }
    return wholeBody(request, most, config.upload_idle_ms)
  }

  return {
    async get(call: Call, repository: string, reference: string): Promise<Response> {
      checkName(repository)
      const named = isDigest(reference) ? reference : undefined
      const access = await call.admit('pull', repository, named)
      const digest = named ?? (await deref(repository, reference))
      const record =
        digest &&
        (manifests.known(repository, digest) ?? (await manifests.find(repository, digest)))
      if (!record) throw await unknown(repository, reference)
      if (!named && !access.may('pull', repository, record.digest)) {
        throw ociFaults.denied(`${access.name} may not pull ${record.digest} of ${repository}`)
      }
      return serve(call, access, repository, record, named ? undefined : reference)
    },

    async put(call: Call, repository: string, reference: string): Promise<Response> {
      checkName(repository)
      const access = await call.admit('push', repository)
      const targets = targetsOf(call, reference)
      const bytes = await readBody(call)
      const digest = digestOf(bytes, targets.digest ? algorithmOf(targets.digest) : 'sha256')
      if (targets.digest && targets.digest !== digest) {
        throw ociFaults.digestInvalid(
          `the ${bytes.byteLength} bytes have the digest ${digest}, not ${targets.digest}; nothing was stored`,
        )
      }
      const type = call.request.headers.get('content-type') ?? undefined
      const manifest = readManifest(bytes, type, allowed)
      using room = await store.roomFor(repository, digest, bytes.byteLength)
      const known = await store.repositories.find(repository)
      const { mediaType } = manifest
      const event: OciEvent = {
        ...{ kind: 'push', what: 'manifest', repository, digest, mediaType },
        ...{ bytes: bytes.byteLength, ...told(access) },
      }
      const tagged = targets.tags.map((tag): OciEvent => ({ ...event, tag }))
      const events = tagged.length === 0 ? [event] : tagged
      const push = { digest, bytes, manifest, tags: targets.tags, by: access.name, events }
      // Of two pushes at once the second must find the immutable tag of the first.
      const isLone = targets.tags.some((tag) => store.rules.isImmutable(repository, tag))
      await store.repositoryLocks[isLone ? 'alone' : 'shared'](repository, async () => {
        for (const tag of targets.tags) {
          const current = await tags.find(repository, tag)
          await store.check.tag({ repository, tag, current, next: digest }, access)
        }
        await manifests.put(repository, push, known?.sparse ?? config.sparse)
        room.stored()
        // Before the lock is let go: who reads the layout alone finds it owed.
        store.layouts.changed(repository)
      })
      for (const one of events) store.tell(one)
      return empty(201, {
        Location: `/v2/${repository}/manifests/${digest}`,
        'Docker-Content-Digest': digest,
        ...(manifest.subject ? { 'OCI-Subject': manifest.subject } : {}),
        ...(targets.extra.length > 0 ? { 'OCI-Tag': targets.extra.join(', ') } : {}),
        ...store.warnings(repository),
      })
    },

    async remove(call: Call, repository: string, reference: string): Promise<Response> {
      checkName(repository)
      const named = isDigest(reference) ? reference : undefined
      const access = await call.admit('delete', repository, named)
      const digest = await deref(repository, reference)
      if (digest === undefined) throw await unknown(repository, reference)
      const removed = await store.repositoryLocks.alone(repository, async () => {
        const done = named
          ? await removeManifest(repository, named, access)
          : await removeTag(repository, reference, digest, access)
        if (done) store.layouts.changed(repository)
        return done
      })
      if (!removed) throw await unknown(repository, reference)
      return empty(202)
    },
  }

  async function removeManifest(repository: string, digest: Digest, access: Access) {
    const record = await manifests.find(repository, digest)
    if (!record) return false
    await store.check.remove(repository, digest, access)
    for (const tag of await tags.of(repository, digest)) {
      await store.check.tag({ repository, tag, current: digest, next: undefined }, access)
    }
    const event = { kind: 'delete', repository, digest, ...told(access) } as const
    const events: OciEvent[] = []
    const untagged = await manifests.remove(repository, digest, access.name, async (tx, names) => {
      events.push(...names.map((tag): OciEvent => ({ ...event, what: 'tag', tag, bytes: 0 })))
      events.push({ ...event, what: 'manifest', bytes: record.sizeBytes })
      for (const one of events) await store.record(tx, one)
    })
    if (!untagged) return false
    for (const one of events) store.tell(one)
    return true
  }

  async function removeTag(repository: string, tag: string, digest: Digest, access: Access) {
    await store.check.tag({ repository, tag, current: digest, next: undefined }, access)
    const event: OciEvent = {
      ...{ kind: 'delete', what: 'tag', repository, digest, tag, bytes: 0, ...told(access) },
    }
    const record = (tx: Tx) => store.record(tx, event)
    if (!(await tags.remove(repository, tag, access.name, record))) return false
    store.tell(event)
    return true
  }
}
