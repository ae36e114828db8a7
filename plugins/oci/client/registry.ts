// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Fault } from '../../../core/faults.ts'
import { digestOf, isDigest } from '../store/digest.ts'
import { bodyOf } from './body.ts'
import { digestLike } from './digest-check.ts'
import { clientFaults } from './faults.ts'
import { ACCEPTED, Descriptor } from './manifest.ts'
import { parseAs, readPages } from './pages.ts'
import { readBytes } from './read-text.ts'
import { expectAnswer, refusal } from './refusal.ts'
import { CATALOG_SCOPE, deleteScope, pullScope, pushScope, type Scope } from './scope.ts'
import { type Answer, type Exchange, header, type Transport } from './transport.ts'
import { UploadRequests } from './upload-requests.ts'

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
const TagList = v.object({ tags: v.nullish(v.array(v.string()), []) })
const Catalog = v.object({ repositories: v.nullish(v.array(v.string()), []) })
const Referrers = v.object({ manifests: v.nullish(v.array(Descriptor), []) })

/** The requests of one registry, each once: no repetition here. Throws faults of area `oci-client`. */
export class Registry implements AsyncDisposable {
  readonly origin: string
  readonly uploads: UploadRequests
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.origin = transport.origin
    this.uploads = new UploadRequests(transport)
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
    const answer = await expectAnswer(
      this.#transport,
      { method: 'GET', ...exchange, signal },
      [200],
      what,
    )
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
    const answer = await expectAnswer(
      this.#transport,
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

  tags(repository: string): AsyncIterable<string> {
    return readPages(this.#transport, {
      ...{ target: `/v2/${repository}/tags/list?n=1000`, scopes: [pullScope(repository)] },
      ...{ schema: TagList, what: `list ${repository}` },
      items: (page: v.InferOutput<typeof TagList>) => page.tags ?? [],
    })
  }

  repositories(): AsyncIterable<string> {
    return readPages(this.#transport, {
      ...{ target: '/v2/_catalog?n=1000', scopes: [CATALOG_SCOPE], schema: Catalog },
      items: (page: v.InferOutput<typeof Catalog>) => page.repositories ?? [],
      what: 'list its repositories',
    })
  }

  /** Manifests that name this one as their subject; none where the registry knows no referrers. */
  async *referrers(repository: string, digest: string): AsyncIterable<Descriptor> {
    try {
      yield* readPages(this.#transport, {
        ...{ target: `/v2/${repository}/referrers/${digest}`, scopes: [pullScope(repository)] },
        ...{ schema: Referrers, what: `list referrers of ${digest}` },
        items: (page: v.InferOutput<typeof Referrers>) => page.manifests ?? [],
      })
    } catch (error) {
      if (!(error instanceof Fault) || error.kind.status !== 404) throw error
      yield* this.#fallbackReferrers(repository, digest)
    }
  }

  /** Where there is no such API, clients keep an index under a tag made of the digest. */
  async *#fallbackReferrers(repository: string, digest: string): AsyncIterable<Descriptor> {
    const tag = digest.replace(':', '-')
    if (!(await this.headManifest(repository, tag))) return
    const { bytes } = await this.manifest(repository, tag)
    yield* parseAs(Referrers, bytes, `the referrers of ${digest}`).manifests ?? []
  }

  async #empty(exchange: Exchange, good: readonly number[], what: string): Promise<void> {
    await (await expectAnswer(this.#transport, exchange, good, what)).body.dump()
  }
}

const show = (repository: string, reference: string) =>
  `${repository}${isDigest(reference) ? '@' : ':'}${reference}`

function lengthOf({ headers }: Answer): number | undefined {
  const length = header(headers, 'content-length')
  return length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined
}

const typeOf = ({ headers }: Answer) =>
  header(headers, 'content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
