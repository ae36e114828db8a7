// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../../core/faults.ts'
import { MiB } from '../../../core/units.ts'
import { clientFaults } from './faults.ts'
import { startPatience } from './patience.ts'
import { pieceBytes } from './piece-size.ts'
import type { Registry } from './registry.ts'
import { pushScope } from './scope.ts'
import {
  type BlobSource,
  type Outcome,
  patienceFor,
  type TransferOptions,
  unwatched,
} from './transfer.ts'
import { createUploadMemory, type UploadMemory } from './upload-memory.ts'
import type { UploadSession } from './upload-requests.ts'

export interface UploadOptions extends TransferOptions {
  /** Repository of the same registry that has the blob. */
  readonly mountFrom?: string | undefined
  /** Knows the sessions of earlier attempts, also of processes that were killed. */
  readonly memory?: UploadMemory
}

/** Goes in one request: asking where it stands would take as long. */
const SMALL_BYTES = MiB
/** Refusals of one place before the session is given up. */
const MOST_MISSES = 5

/**
 * Brings a blob into a repository, however often the connection is cut: asks the registry how much
 * it has, and sends the rest. Does nothing when it is there already.
 */
export async function uploadBlob(
  registry: Registry,
  repository: string,
  source: BlobSource,
  options: UploadOptions,
): Promise<Outcome> {
  const upload = new Upload(registry, repository, source, options)
  const patience = startPatience(patienceFor(source.blob, options))
  for (;;) {
    try {
      const outcome = await upload.attempt(() => patience.moved())
      await upload.remember()
      options.watch?.ends(source.blob, outcome)
      return outcome
    } catch (error) {
      if (await upload.startsAnew(error)) continue
      await patience.after(error)
    }
  }
}

class Upload {
  readonly #registry: Registry
  readonly #repository: string
  readonly #source: BlobSource
  readonly #options: UploadOptions
  readonly #memory: UploadMemory
  /** Connections that broke: the pieces get smaller. */
  #cuts = 0
  #misses = 0
  #resumedFromMemory = false
  #tookPiece = false
  /** For a registry that takes no pieces. */
  #inOneRequest: boolean

  constructor(registry: Registry, repository: string, source: BlobSource, options: UploadOptions) {
    this.#registry = registry
    this.#repository = repository
    this.#source = source
    this.#options = options
    this.#memory = options.memory ?? createUploadMemory()
    this.#inOneRequest = source.blob.size <= SMALL_BYTES
  }

  async attempt(moved: () => void): Promise<Outcome> {
    const { digest, size } = this.#source.blob
    const { signal } = this.#options
    const scopes = [pushScope(this.#repository)]
    const known = await this.#registry.headBlob(this.#repository, digest, { scopes, signal })
    if (known !== undefined) {
      await this.#memory.forget(this.#key)
      return 'present'
    }
    let session = (await this.#resumed()) ?? (await this.#begun())
    if (session === 'mounted') return 'mounted'
    this.#stands(session.offsetBytes, 0)
    const whole = this.#inOneRequest && session.offsetBytes === 0
    while (!whole && session.offsetBytes < size) {
      session = await this.#piece(session)
      moved()
    }
    await this.#commit(session, whole)
    return 'sent'
  }

  /** A later upload of the blob to another repository can mount it from here. */
  async remember(): Promise<void> {
    if (this.#source.blob.size > SMALL_BYTES) await this.#memory.seen(this.#key)
  }

  /**
   * Is the answer to this error a new session? An old one may hold other bytes than we think, and
   * a registry that has refused the first piece may take the blob as a whole.
   */
  async startsAnew(error: unknown): Promise<boolean> {
    this.#cuts++
    if (!(error instanceof Fault) || error.code !== REFUSED) return false
    const again = this.#resumedFromMemory || (!this.#tookPiece && !this.#inOneRequest)
    if (!this.#resumedFromMemory) this.#inOneRequest = true
    this.#resumedFromMemory = false
    await this.#memory.forget(this.#key)
    return again
  }

  get #key() {
    const { origin } = this.#registry
    return { origin, repository: this.#repository, digest: this.#source.blob.digest }
  }

  async #resumed(): Promise<UploadSession | undefined> {
    const location = await this.#memory.recall(this.#key)
    if (location === undefined) return undefined
    const { signal } = this.#options
    const session = await this.#registry.uploads.status(this.#repository, location, signal)
    if (session && session.offsetBytes <= this.#source.blob.size) {
      this.#resumedFromMemory = true
      return session
    }
    await this.#memory.forget(this.#key)
    return undefined
  }

  async #begun(): Promise<UploadSession | 'mounted'> {
    const { digest, size } = this.#source.blob
    const known = size > SMALL_BYTES ? await this.#memory.whereElse(this.#key) : undefined
    const from = this.#options.mountFrom ?? known
    const mount = from === undefined ? { digest } : { digest, from }
    const begun = await this.#start(mount)
    if (begun !== 'mounted') await this.#memory.keep(this.#key, begun.location)
    return begun
  }

  /** Some registries refuse a mount that they can not do, rather than begin an upload. */
  async #start(mount: { readonly digest: string; readonly from?: string }) {
    const { signal } = this.#options
    const { size } = this.#source.blob
    try {
      return await this.#registry.uploads.start(this.#repository, size, mount, signal)
    } catch (error) {
      if (!(error instanceof Fault) || error.kind.retry || error.kind.status >= 500) throw error
      return this.#registry.uploads.start(this.#repository, size, undefined, signal)
    }
  }

  async #piece(session: UploadSession): Promise<UploadSession> {
    const { size } = this.#source.blob
    const from = session.offsetBytes
    const most = pieceBytes(size, this.#cuts, session.leastPieceBytes)
    const to = Math.min(size, from + most)
    const body = { sizeBytes: to - from, open: () => this.#counted(from, to) }
    const { signal } = this.#options
    const next = await this.#registry.uploads.send(this.#repository, session, body, signal)
    if (next === 'gone') {
      await this.#memory.forget(this.#key)
      throw clientFaults.busy(`${this.#registry.origin} has forgotten the upload`)
    }
    if (next === 'elsewhere') return this.#missed(session)
    if (next.offsetBytes <= from || next.offsetBytes > size) {
      await this.#memory.forget(this.#key)
      throw clientFaults.protocol(`${this.#registry.origin} took a piece and stands where it stood`)
    }
    this.#misses = 0
    this.#tookPiece = true
    if (next.location !== session.location) await this.#memory.keep(this.#key, next.location)
    this.#stands(next.offsetBytes, 0)
    return { leastPieceBytes: session.leastPieceBytes, ...next }
  }

  /** It has more or less than we thought, or still takes what a cut connection left behind. */
  async #missed({ location }: UploadSession): Promise<never> {
    if (++this.#misses >= MOST_MISSES) {
      this.#misses = 0
      await this.#memory.forget(this.#key)
      await this.#registry.uploads.cancel(this.#repository, location)
    }
    throw clientFaults.busy(`${this.#registry.origin} stands at another place of the upload`)
  }

  async #commit({ location }: UploadSession, whole: boolean): Promise<void> {
    const { digest, size } = this.#source.blob
    const body =
      whole && size > 0 ? { sizeBytes: size, open: () => this.#counted(0, size) } : undefined
    const { signal } = this.#options
    const done = await this.#registry.uploads.commit(
      this.#repository,
      location,
      digest,
      body,
      signal,
    )
    await this.#memory.forget(this.#key)
    if (!done) throw clientFaults.busy(`${this.#registry.origin} has forgotten the upload`)
  }

  async *#counted(fromBytes: number, toBytes: number): AsyncIterable<Uint8Array> {
    let at = fromBytes
    for await (const piece of this.#source.open(fromBytes, toBytes)) {
      at += piece.byteLength
      yield piece
      this.#stands(at, piece.byteLength)
    }
  }

  #stands(atBytes: number, movedBytes: number) {
    const { watch = unwatched } = this.#options
    watch.stands(this.#source.blob, atBytes, movedBytes)
  }
}

const REFUSED = clientFaults.refused('').code
