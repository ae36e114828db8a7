// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Fault } from '../../../core/faults.ts'
import { MINUTE } from '../../../core/units.ts'
import { bodyOf } from './body.ts'
import { clientFaults } from './faults.ts'
import { MEDIA } from './manifest.ts'
import { expectAnswer, refusal } from './refusal.ts'
import { pullScope, pushScope } from './scope.ts'
import { type Answer, type Body, header, type Transport } from './transport.ts'

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

/** The registry may have to read the whole blob again before it can answer. */
const COMMIT_IDLE_MS = 10 * MINUTE

/** The requests by which a blob gets into a registry, each once. */
export class UploadRequests {
  readonly #origin: string
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#origin = transport.origin
    this.#transport = transport
  }

  /**
   * Begins an upload; `mounted` when the registry took the blob of another repository instead.
   * Without `from` it may look for the blob wherever we may read. `sizeBytes` lets the appliance refuse
   * what its quota or its disk has no room for before a byte is sent.
   */
  async start(
    repository: string,
    sizeBytes: number,
    mount?: { readonly digest: string; readonly from?: string },
    signal?: AbortSignal,
  ): Promise<UploadSession | 'mounted'> {
    const query = mount ? `?${new URLSearchParams(mountQuery(mount))}` : ''
    const target = `/v2/${repository}/blobs/uploads/${query}`
    const scopes = [
      pushScope(repository),
      ...(mount?.from === undefined ? [] : [pullScope(mount.from)]),
    ]
    const answer = await expectAnswer(
      this.#transport,
      {
        ...{ method: 'POST', target, scopes, body: bodyOf(new Uint8Array()), signal },
        headers: { 'upload-length': String(sizeBytes) },
      },
      [201, 202],
      `begin an upload to ${repository}`,
    )
    await answer.body.dump()
    if (answer.status === 201) return 'mounted'
    return { ...this.#session(answer), offsetBytes: 0 }
  }

  /** Where an upload stands; undefined when the registry has forgotten it. */
  async status(
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
  async send(
    repository: string,
    { location, offsetBytes }: UploadSession,
    piece: Body,
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
  async commit(
    repository: string,
    location: string,
    digest: string,
    body: Body = bodyOf(new Uint8Array()),
    signal?: AbortSignal,
  ): Promise<boolean> {
    const url = new URL(location, this.#origin)
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
  async cancel(repository: string, location: string): Promise<void> {
    const exchange = { target: location, scopes: [pushScope(repository)] }
    const answer = await this.#transport.send({ method: 'DELETE', ...exchange })
    await answer.body.dump()
  }

  #session(answer: Answer, before?: string): UploadSession {
    const told = header(answer.headers, 'location') ?? before
    const url = told === undefined ? undefined : URL.parse(told, this.#origin)
    if (!url) throw clientFaults.protocol(`${this.#origin} does not say where the upload goes`)
    // A registry behind a proxy that ends TLS may not know that we came by https.
    if (url.host === new URL(this.#origin).host) url.protocol = new URL(this.#origin).protocol
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

/** `Range: 0-0` may be nothing or one byte; the appliance says it in a header of its own. */
function offsetOf({ headers }: Answer): number {
  const exact = header(headers, 'upload-offset')
  if (exact !== undefined && /^\d+$/.test(exact)) return Number(exact)
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(header(headers, 'range') ?? '')?.[1] ?? 0)
  return last === 0 ? 0 : last + 1
}
