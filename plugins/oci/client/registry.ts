// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Fault } from '../../../core/faults.ts'
import { MINUTE } from '../../../core/units.ts'
import { digestOf, isDigest } from '../digest.ts'
import { digestLike } from './digest-check.ts'
import { clientFaults } from './faults.ts'
import { ACCEPTED, Descriptor, MEDIA } from './manifest.ts'
import { readBytes } from './read-text.ts'
import { refusal } from './refusal.ts'
import { CATALOG_SCOPE, deleteScope, pullScope, pushScope, type Scope } from './scope.ts'
import { type Answer, type Exchange, header, type Transport } from './transport.ts'

export interface FetchedManifest {
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly digest: string
}

/** What a HEAD says. */
export interface Head {
  readonly digest: string
  readonly sizeBytes: number
  readonly mediaType: string
}

/** Bytes of a blob from some offset on. */
export interface BlobPart {
  /** Of the first byte: smaller than asked for when the registry gives whole blobs only. */
  readonly fromBytes: number
  readonly body: AsyncIterable<Uint8Array>
}

/** A blob on its way in, as its registry sees it. */
export interface UploadSession {
  /** Where the next request goes; new after each one. */
  readonly location: string
  readonly offsetBytes: number
  /** Smallest piece that the registry takes, but for the last one. */
  readonly leastPieceBytes?: number | undefined
}

/** A whole refusal of one piece: the session stands elsewhere. */
export type PieceOutcome = UploadSession | 'elsewhere' | 'gone'

const TagList = v.object({ tags: v.nullish(v.array(v.string()), []) })
const Catalog = v.object({ repositories: v.nullish(v.array(v.string()), []) })
const Referrers = v.object({ manifests: v.nullish(v.array(Descriptor), []) })
const AnyDocument = v.unknown()

/** The registry may have to read the whole blob again before it can answer. */
const COMMIT_IDLE_MS = 10 * MINUTE

/** The requests of one registry, each once: no repetition here. Throws faults of area `oci-client`. */
export class Registry implements AsyncDisposable {
  readonly origin: string
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.origin = transport.origin
    this.#transport = transport
  }

  [Symbol.asyncDispose]() {
    return this.#transport[Symbol.asyncDispose]()
  }

  /** Is there a registry? Logs in where one is wanted. */
  async ping(signal?: AbortSignal): Promise<void> {
    await this.#empty({ method: 'GET', target: '/v2/', scopes: [], signal }, [200], 'say hello')
  }

  async headManifest(
    repository: string,
    reference: string,
    signal?: AbortSignal,
  ): Promise<Head | undefined> {
    const target = `/v2/${repository}/manifests/${reference}`
    const headers = { accept: ACCEPTED }
    const scopes = [pullScope(repository)]
    const answer = await this.#transport.send({ method: 'HEAD', target, scopes, headers, signal })
    await answer.body.dump()
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw await refusal(answer, `show ${repository}:${reference}`)
    const digest =
      header(answer.headers, 'docker-content-digest') ?? (isDigest(reference) ? reference : '')
    return { digest, sizeBytes: lengthOf(answer) ?? 0, mediaType: typeOf(answer) }
  }

  /** Checks that the bytes are those of the digest asked for, or told. */
  async manifest(
    repository: string,
    reference: string,
    signal?: AbortSignal,
  ): Promise<FetchedManifest> {
    const target = `/v2/${repository}/manifests/${reference}`
    const what = `give the manifest ${show(repository, reference)}`
    const exchange = { target, scopes: [pullScope(repository)], headers: { accept: ACCEPTED } }
    const answer = await this.#expect({ method: 'GET', ...exchange, signal }, [200], what)
    const bytes = await readBytes(answer.body)
    const told = isDigest(reference)
      ? reference
      : header(answer.headers, 'docker-content-digest') || digestOf(bytes)
    if (digestLike(bytes, told) !== told) {
      throw clientFaults.digest(
        `${this.origin} gave a manifest for ${show(repository, reference)} with other bytes than its digest says: scrub that registry`,
      )
    }
    return { bytes, mediaType: typeOf(answer), digest: told }
  }

  /** The digest under which it was stored. */
  async putManifest(
    repository: string,
    reference: string,
    { bytes, mediaType }: { bytes: Uint8Array; mediaType: string },
    signal?: AbortSignal,
  ): Promise<void> {
    const target = `/v2/${repository}/manifests/${reference}`
    const what = `take the manifest ${show(repository, reference)}`
    const headers = { 'content-type': mediaType }
    const scopes = [pushScope(repository)]
    const body = bodyOf(bytes)
    await this.#empty({ method: 'PUT', target, scopes, headers, body, signal }, [201], what)
  }

  async deleteManifest(repository: string, reference: string): Promise<void> {
    const target = `/v2/${repository}/manifests/${reference}`
    const what = `remove ${show(repository, reference)}`
    const scopes = [deleteScope(repository)]
    await this.#empty({ method: 'DELETE', target, scopes }, [202, 200, 204], what)
  }

  /** Its size; undefined when this repository does not have it. */
  async headBlob(
    repository: string,
    digest: string,
    options: { readonly scopes?: readonly Scope[]; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<number | undefined> {
    const target = `/v2/${repository}/blobs/${digest}`
    const { signal, scopes = [pullScope(repository)] } = options
    const answer = await this.#transport.send({ method: 'HEAD', target, scopes, signal })
    await answer.body.dump()
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw await refusal(answer, `show the blob ${digest}`)
    return lengthOf(answer) ?? 0
  }

  /** One request; the caller must take the bytes or abort. */
  async readBlob(
    repository: string,
    digest: string,
    fromBytes: number,
    toBytes?: number,
    signal?: AbortSignal,
  ): Promise<BlobPart> {
    const target = `/v2/${repository}/blobs/${digest}`
    const partial = fromBytes > 0 || toBytes !== undefined
    const last = toBytes === undefined ? '' : toBytes - 1
    const answer = await this.#expect(
      {
        ...{ method: 'GET', target, scopes: [pullScope(repository)], signal },
        // RFC 9110, 13.1.5: the entity tag of a blob is its digest; ours says so.
        headers: partial ? { range: `bytes=${fromBytes}-${last}` } : {},
      },
      [200, 206],
      `give the blob ${digest}`,
    )
    if (answer.status === 200) return { fromBytes: 0, body: answer.body }
    const range = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(
      header(answer.headers, 'content-range') ?? '',
    )
    if (!range) {
      await answer.body.dump({ limit: 0 })
      throw clientFaults.protocol(`${this.origin} gave a part of ${digest} and did not say which`)
    }
    return { fromBytes: Number(range[1]), body: answer.body }
  }

  async deleteBlob(repository: string, digest: string): Promise<void> {
    const target = `/v2/${repository}/blobs/${digest}`
    const scopes = [deleteScope(repository)]
    await this.#empty({ method: 'DELETE', target, scopes }, [202], `remove the blob ${digest}`)
  }

  /**
   * Begins an upload; `mounted` when the registry took the blob of another repository instead.
   * Without `from` it may look for the blob wherever we may read.
   */
  async startUpload(
    repository: string,
    mount?: { readonly digest: string; readonly from?: string },
    signal?: AbortSignal,
  ): Promise<UploadSession | 'mounted'> {
    const query = mount ? `?${new URLSearchParams(mountQuery(mount))}` : ''
    const target = `/v2/${repository}/blobs/uploads/${query}`
    const scopes = [
      pushScope(repository),
      ...(mount?.from === undefined ? [] : [pullScope(mount.from)]),
    ]
    const answer = await this.#expect(
      { method: 'POST', target, scopes, body: bodyOf(new Uint8Array()), signal },
      [201, 202],
      `begin an upload to ${repository}`,
    )
    await answer.body.dump()
    if (answer.status === 201) return 'mounted'
    return { ...this.#session(answer), offsetBytes: 0 }
  }

  /** Where an upload stands; undefined when the registry has forgotten it. */
  async uploadStatus(
    repository: string,
    location: string,
    signal?: AbortSignal,
  ): Promise<UploadSession | undefined> {
    const exchange = { target: location, scopes: [pushScope(repository)], signal }
    const answer = await this.#transport.send({ method: 'GET', ...exchange })
    if (answer.status === 204 || answer.status === 200) {
      await answer.body.dump()
      return this.#session(answer, location)
    }
    if ([400, 404, 405, 410].includes(answer.status)) {
      await answer.body.dump()
      return undefined
    }
    throw await refusal(answer, `tell how far an upload to ${repository} is`)
  }

  /** Adds bytes at the session's offset. */
  async sendPiece(
    repository: string,
    { location, offsetBytes }: UploadSession,
    piece: NonNullable<Exchange['body']>,
    signal?: AbortSignal,
  ): Promise<PieceOutcome> {
    const answer = await this.#transport.send({
      ...{ method: 'PATCH', target: location, scopes: [pushScope(repository)], signal },
      headers: {
        'content-type': MEDIA.octets,
        'content-range': `${offsetBytes}-${offsetBytes + piece.sizeBytes - 1}`,
      },
      body: piece,
    })
    const { status } = answer
    if (status === 202 || status === 201 || status === 204) {
      await answer.body.dump()
      return this.#session(answer, location)
    }
    if (status === 404 || status === 410) {
      await answer.body.dump()
      return 'gone'
    }
    if (status === 416) {
      await answer.body.dump()
      return 'elsewhere'
    }
    throw await this.#uploadRefusal(answer, 'take a piece of a blob')
  }

  /** Ends an upload, with its last bytes or without. False when the session is gone. */
  async commitUpload(
    repository: string,
    location: string,
    digest: string,
    body: NonNullable<Exchange['body']> = bodyOf(new Uint8Array()),
    signal?: AbortSignal,
  ): Promise<boolean> {
    const url = new URL(location, this.origin)
    url.searchParams.set('digest', digest)
    const headers: Record<string, string> =
      body.sizeBytes > 0 ? { 'content-type': MEDIA.octets } : {}
    const answer = await this.#transport.send({
      ...{ method: 'PUT', target: url.href, scopes: [pushScope(repository)] },
      ...{ headers, body, signal, idleMs: COMMIT_IDLE_MS },
    })
    if (answer.status === 201) {
      await answer.body.dump()
      return true
    }
    if (answer.status === 404) {
      await answer.body.dump()
      return false
    }
    throw await this.#uploadRefusal(answer, `take the blob ${digest}`)
  }

  /** A connection that broke without a word holds its session until the registry notices. */
  async #uploadRefusal(answer: Answer, what: string): Promise<Fault> {
    const fault = await refusal(answer, what)
    return answer.status === 409 ? clientFaults.busy(fault.message, { cause: fault }) : fault
  }

  /** Forgets an upload; one that is gone already is fine. */
  async cancelUpload(repository: string, location: string): Promise<void> {
    const exchange = { target: location, scopes: [pushScope(repository)] }
    const answer = await this.#transport.send({ method: 'DELETE', ...exchange })
    await answer.body.dump()
  }

  tags(repository: string): AsyncIterable<string> {
    const scopes = [pullScope(repository)]
    const target = `/v2/${repository}/tags/list?n=1000`
    return this.#pages(target, scopes, TagList, ({ tags }) => tags ?? [], `list ${repository}`)
  }

  repositories(): AsyncIterable<string> {
    const what = 'list its repositories'
    const read = ({ repositories }: v.InferOutput<typeof Catalog>) => repositories ?? []
    return this.#pages('/v2/_catalog?n=1000', [CATALOG_SCOPE], Catalog, read, what)
  }

  /** Manifests that name this one as their subject; none where the registry knows no referrers. */
  async *referrers(repository: string, digest: string): AsyncIterable<Descriptor> {
    const scopes = [pullScope(repository)]
    const target = `/v2/${repository}/referrers/${digest}`
    const read = ({ manifests }: v.InferOutput<typeof Referrers>) => manifests ?? []
    try {
      yield* this.#pages(target, scopes, Referrers, read, `list referrers of ${digest}`)
    } catch (error) {
      if (clientFaults.notFound('').code !== (error as { code?: string }).code) throw error
      yield* this.#fallbackReferrers(repository, digest)
    }
  }

  /** Where there is no such API, clients keep an index under a tag made of the digest. */
  async *#fallbackReferrers(repository: string, digest: string): AsyncIterable<Descriptor> {
    const tag = digest.replace(':', '-')
    if (!(await this.headManifest(repository, tag))) return
    const { bytes } = await this.manifest(repository, tag)
    yield* parsed(Referrers, bytes, `the referrers of ${digest}`).manifests ?? []
  }

  async *#pages<T, R>(
    first: string,
    scopes: readonly Scope[],
    schema: v.GenericSchema<unknown, T>,
    items: (page: T) => readonly R[],
    what: string,
  ): AsyncGenerator<R> {
    for (let target: string | undefined = first; target !== undefined; ) {
      const answer: Answer = await this.#expect({ method: 'GET', target, scopes }, [200], what)
      yield* items(parsed(schema, await readBytes(answer.body), `the answer of ${this.origin}`))
      target = nextPage(header(answer.headers, 'link'), answer.url)
    }
  }

  async #expect(exchange: Exchange, good: readonly number[], what: string): Promise<Answer> {
    const answer = await this.#transport.send(exchange)
    if (good.includes(answer.status)) return answer
    throw await refusal(answer, what)
  }

  async #empty(exchange: Exchange, good: readonly number[], what: string): Promise<void> {
    await (await this.#expect(exchange, good, what)).body.dump()
  }

  #session(answer: Answer, before?: string): UploadSession {
    const told = header(answer.headers, 'location') ?? before
    const url = told === undefined ? undefined : URL.parse(told, this.origin)
    if (!url) throw clientFaults.protocol(`${this.origin} does not say where the upload goes`)
    // A registry behind a proxy that ends TLS may not know that we came by https.
    if (url.host === new URL(this.origin).host) url.protocol = new URL(this.origin).protocol
    const least = Number(header(answer.headers, 'oci-chunk-min-length'))
    return {
      location: url.href,
      offsetBytes: offsetOf(answer),
      leastPieceBytes: least > 0 ? least : undefined,
    }
  }
}

const mountQuery = ({ digest, from }: { readonly digest: string; readonly from?: string }) => ({
  mount: digest,
  ...(from === undefined ? {} : { from }),
})

const show = (repository: string, reference: string) =>
  `${repository}${isDigest(reference) ? '@' : ':'}${reference}`

/** `Range: 0-0` may be nothing or one byte; the appliance says it in a header of its own. */
function offsetOf({ headers }: Answer): number {
  const exact = header(headers, 'upload-offset')
  if (exact !== undefined && /^\d+$/.test(exact)) return Number(exact)
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(header(headers, 'range') ?? '')?.[1] ?? 0)
  return last === 0 ? 0 : last + 1
}

function lengthOf({ headers }: Answer): number | undefined {
  const length = header(headers, 'content-length')
  return length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined
}

const typeOf = ({ headers }: Answer) =>
  header(headers, 'content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''

/** Bytes in memory as a body. */
export const bodyOf = (bytes: Uint8Array): NonNullable<Exchange['body']> => ({
  sizeBytes: bytes.byteLength,
  async *open() {
    yield bytes
  },
})

function parsed<T>(schema: v.GenericSchema<unknown, T>, bytes: Uint8Array, what: string): T {
  const text = new TextDecoder().decode(bytes)
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), AnyDocument, schema), text)
  if (result.success) return result.output
  throw clientFaults.protocol(`${what} is not as the specification of OCI registries says`)
}

/** RFC 8288: `</v2/…?last=x>; rel="next"`. Only to the same origin: it is asked with our login. */
function nextPage(link: string | undefined, from: URL): string | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(link ?? '')?.[1]
  const url = target === undefined ? undefined : URL.parse(target, from.href)
  return url && url.origin === from.origin ? url.href : undefined
}
