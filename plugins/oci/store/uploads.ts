// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { Fault } from '../../../core/faults.ts'
import type { Logger } from '../../../core/log.ts'
import { KiB, MINUTE, MiB } from '../../../core/units.ts'
import { ociFaults } from '../errors.ts'
import { algorithmOf, type Digest, type DigestAlgorithm, hexOf } from './digest.ts'
import type { Disk, HashedFile } from './disk.ts'
import type { Paths } from './paths.ts'

/** An empty session that lives so long is written down; a small push is over before. */
const WRITE_DOWN_MS = 50
/** Bytes that wait to be written, of all senders together: each is held back meanwhile. */
const WAITING = 8 * MiB
const LARGEST_PIECE = MiB
const SMALLEST_PIECE = 64 * KiB
const SWEEP_EVERY_MS = MINUTE

const Meta = v.object({
  repository: v.string(),
  by: v.string(),
  algorithm: v.picklist(['sha256', 'sha512']),
  createdAt: v.number(),
})

/** A blob on its way in, for people and for whoever counts bytes. */
export interface Upload {
  readonly id: string
  readonly repository: string
  readonly by: string
  readonly createdAt: number
  /** Last byte or call, Unix ms. */
  readonly lastAt: number
  readonly sizeBytes: number
  /** Somebody is sending just now. */
  readonly receiving: boolean
}

/** What a body gives: chunks in order. Ends early by throwing when the sender went away. */
export type ByteStream = AsyncIterable<Uint8Array>

export interface Uploads extends AsyncDisposable {
  /** Finds the sessions of an earlier run. */
  open(): Promise<void>
  begin(repository: string, by: string, algorithm?: DigestAlgorithm): Upload
  /** Throws `oci.upload-unknown`. */
  get(repository: string, id: string): Upload
  list(): readonly Upload[]
  /**
   * Appends what comes; what came before a failure is kept. Returns the size. `from` is where the
   * sender believes the session to stand. Throws `oci.upload-range`, `oci.upload-busy`.
   */
  append(id: string, body: ByteStream, from?: number): Promise<number>
  /**
   * Appends the last bytes and hands the whole to `take`, synced and hashed. With another hash than
   * `digest` the session is over: `oci.digest-invalid`.
   */
  finish(
    id: string,
    digest: Digest,
    last: { readonly body: ByteStream; readonly from?: number | undefined } | undefined,
    take: (path: string, sizeBytes: number) => Promise<void>,
  ): Promise<number>
  /**
   * For a session without bytes whose whole blob is stored by `work`. It is over afterwards, also when
   * that was refused; only a connection that broke leaves it open, with what came: `work` keeps that
   * by the function that it is given. Throws `oci.upload-busy`.
   */
  replace<T>(id: string, work: (keep: (came: Uint8Array) => void) => Promise<T>): Promise<T>
  /** Drops the session and its bytes. Throws `oci.upload-unknown`, `oci.upload-busy`. */
  cancel(repository: string, id: string): Promise<void>
  /** Drops those without a call for longer than the limit; returns how many. */
  expire(): Promise<number>
}

interface Session {
  readonly id: string
  readonly repository: string
  readonly by: string
  readonly algorithm: DigestAlgorithm
  readonly createdAt: number
  lastAt: number
  sizeBytes: number
  busy: boolean
  /** The folder is there; undefined while nobody asked for it. */
  folder: Promise<void> | undefined
  /** Open while there is a hash to go on with. */
  file: HashedFile | undefined
}

export interface UploadParts {
  readonly paths: Paths
  readonly disk: Disk
  readonly log: Logger
  readonly now: () => number
  /** A session without a call for so long is dropped. */
  readonly ttlMs: number
}

export function createUploads({ paths, disk, log, now, ttlMs }: UploadParts): Uploads {
  const sessions = new Map<string, Session>()
  /** Begun and not written down. */
  const young = new Set<Session>()
  let writeDown: ReturnType<typeof setTimeout> | undefined
  let sweep: ReturnType<typeof setInterval> | undefined
  /** Bodies that come in just now. */
  let receiving = 0

  const dataOf = (session: Session) => join(paths.upload(session.id), 'data')

  const makeFolder = async ({ id, repository, by, algorithm, createdAt }: Session) => {
    await mkdir(paths.upload(id), { mode: 0o700 })
    const meta = JSON.stringify({ repository, by, algorithm, createdAt })
    await writeFile(join(paths.upload(id), 'meta.json'), meta)
  }
  const folderOf = (session: Session): Promise<void> => {
    young.delete(session)
    session.folder ??= makeFolder(session)
    return session.folder
  }
  const writeDownAll = async (): Promise<void> => {
    clearTimeout(writeDown)
    writeDown = undefined
    await Promise.all(
      [...young].map((session) =>
        folderOf(session).catch((err: unknown) => {
          session.folder = undefined
          log.warn({ err, upload: session.id }, 'an upload session could not be written down')
        }),
      ),
    )
  }

  const find = (id: string): Session => {
    const session = sessions.get(id)
    // One that is over goes with the next sweep; nobody may wake it up before that.
    if (session && (session.busy || now() - session.lastAt <= ttlMs)) return session
    throw ociFaults.uploadUnknown(
      `there is no upload session ${id.slice(0, 64)}: it ended, was canceled or expired; begin a new one`,
    )
  }
  const take = (id: string): Session => {
    const session = find(id)
    if (session.busy) {
      throw ociFaults.uploadBusy(
        'somebody is sending into this upload session: ask it for its offset when that has ended',
      )
    }
    session.busy = true
    session.lastAt = now()
    return session
  }
  const release = (session: Session): void => {
    session.busy = false
    session.lastAt = now()
  }
  const drop = async (session: Session): Promise<void> => {
    sessions.delete(session.id)
    young.delete(session)
    session.file?.drop()
    // One that is just being made would stay.
    await session.folder?.catch(() => undefined)
    if (session.folder) await rm(paths.upload(session.id), { recursive: true, force: true })
  }

  const checkOffset = (session: Session, from: number | undefined): void => {
    if (from === undefined || from === session.sizeBytes) return
    throw ociFaults.uploadRange(
      `this upload session has ${session.sizeBytes} bytes, and the chunk begins at ${from}: go on at byte ${session.sizeBytes}`,
      { headers: uploadHeaders(session) },
    )
  }

  const openFile = (session: Session, algorithm = session.algorithm): HashedFile =>
    disk.open(dataOf(session), algorithm, session.sizeBytes)

  /** Smaller where many send at once, so that their memory stays bounded. */
  const pieceBytes = () => Math.max(SMALLEST_PIECE, Math.min(LARGEST_PIECE, WAITING / receiving))

  /**
   * Two pieces under way: one is written while the next comes in. Whatever ends it, the size tells
   * what is in the file.
   */
  const receive = async (session: Session, body: ByteStream): Promise<void> => {
    await folderOf(session)
    session.file ??= openFile(session)
    const { file } = session
    let waiting: Uint8Array[] = []
    let count = 0
    let under: Promise<void> = Promise.resolve()
    const flush = async () => {
      const written = file.write(waiting).then((bytes) => {
        session.sizeBytes += bytes
      })
      // The caller meets it at the next piece or at the end.
      written.catch(() => {
        // The hash may be ahead of the file: it is taken anew when it is needed.
        if (session.file === file) session.file = undefined
        file.drop()
      })
      waiting = []
      count = 0
      const before = under
      under = written
      await before
    }
    receiving++
    try {
      for await (const chunk of body) {
        waiting.push(chunk)
        count += chunk.byteLength
        session.lastAt = now()
        if (count >= pieceBytes()) await flush()
      }
    } finally {
      receiving--
      if (count > 0) await flush()
      await under
    }
  }

  const sync = async (session: Session): Promise<void> => {
    await using file = await open(dataOf(session), 'r+')
    await file.datasync()
  }

  const hashOf = async (session: Session, digest: Digest): Promise<string> => {
    const algorithm = algorithmOf(digest)
    // Told only now: read it again.
    if (algorithm !== session.algorithm) return openFile(session, algorithm).finish()
    const file = session.file ?? openFile(session)
    session.file = undefined
    return file.finish()
  }

  /** On the disk, and hashed. */
  const finishFile = async (session: Session, digest: Digest): Promise<string> => {
    const hashed = hashOf(session, digest)
    // The thread makes the file: of one without a write only its hash tells that it is there.
    if (session.sizeBytes === 0) await hashed
    const [hex] = await Promise.all([hashed, sync(session)])
    return hex
  }

  const readFolder = async (id: string): Promise<Session | undefined> => {
    const folder = paths.upload(id)
    const text = await readFile(join(folder, 'meta.json'), 'utf8').catch(() => '{}')
    const meta = v.safeParse(Meta, parseJson(text))
    if (!meta.success) return undefined
    const data = await stat(join(folder, 'data')).catch(() => undefined)
    return {
      ...{ id, ...meta.output, busy: false, file: undefined, folder: Promise.resolve() },
      lastAt: Math.max(meta.output.createdAt, data?.mtimeMs ?? 0),
      sizeBytes: data?.size ?? 0,
    }
  }

  const uploads: Uploads = {
    async open() {
      for (const name of await readdir(paths.uploads)) {
        const session = await readFolder(name)
        if (session) sessions.set(name, session)
        // A file of a write that was cut off, or a session that nobody was told of.
        else await rm(paths.upload(name), { recursive: true, force: true })
      }
      await uploads.expire()
      sweep = setInterval(() => {
        uploads
          .expire()
          .catch((err: unknown) => log.warn({ err }, 'old uploads could not be dropped'))
      }, SWEEP_EVERY_MS)
      sweep.unref()
    },
    begin(repository, by, algorithm = 'sha256') {
      const at = now()
      const session: Session = {
        ...{ id: Bun.randomUUIDv7(), repository, by, algorithm, createdAt: at, lastAt: at },
        ...{ sizeBytes: 0, busy: false, folder: undefined, file: undefined },
      }
      sessions.set(session.id, session)
      young.add(session)
      writeDown ??= setTimeout(writeDownAll, WRITE_DOWN_MS)
      return shown(session)
    },
    get(repository, id) {
      const session = find(id)
      if (session.repository === repository) return shown(session)
      throw ociFaults.uploadUnknown(
        `there is no upload session ${id.slice(0, 64)} in ${repository}`,
      )
    },
    list: () => [...sessions.values()].map(shown),
    async append(id, body, from) {
      const session = take(id)
      try {
        checkOffset(session, from)
        await receive(session, body)
        return session.sizeBytes
      } finally {
        release(session)
      }
    },
    async finish(id, digest, last, hand) {
      const session = take(id)
      try {
        if (last) checkOffset(session, last.from)
        if (last || session.sizeBytes === 0) await receive(session, last?.body ?? nothing())
        const hex = await finishFile(session, digest)
        if (hex !== hexOf(digest)) {
          await drop(session)
          throw ociFaults.digestInvalid(
            `the ${session.sizeBytes} bytes have the digest ${algorithmOf(digest)}:${hex}, not ${digest}; nothing was stored`,
          )
        }
        await hand(dataOf(session), session.sizeBytes)
        await drop(session)
        return session.sizeBytes
      } finally {
        release(session)
      }
    },
    async replace(id, work) {
      const session = take(id)
      let came: Uint8Array | undefined
      try {
        const result = await work((bytes) => {
          came = bytes
        })
        await drop(session)
        return result
      } catch (error) {
        if (!wasCut(error)) await drop(session)
        else if (came) await receive(session, just(came))
        throw error
      } finally {
        release(session)
      }
    },
    async cancel(repository, id) {
      uploads.get(repository, id)
      await drop(take(id))
    },
    async expire() {
      const before = now() - ttlMs
      const old = [...sessions.values()].filter(({ busy, lastAt }) => !busy && lastAt < before)
      for (const session of old) await drop(session)
      if (old.length > 0) log.info({ count: old.length }, 'upload sessions expired')
      return old.length
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweep)
      await writeDownAll()
      for (const { file } of sessions.values()) file?.drop()
    },
  }
  return uploads
}

const wasCut = (error: unknown) =>
  error instanceof Fault && (error.code === 'oci.cut-short' || error.code === 'oci.upload-idle')

async function* nothing(): AsyncGenerator<Uint8Array> {}
async function* just(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

const shown = ({ id, repository, by, createdAt, lastAt, sizeBytes, busy }: Session): Upload => ({
  ...{ id, repository, by, createdAt, lastAt, sizeBytes, receiving: busy },
})

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Where a session stands; `Range` can not tell an empty one from one of a byte, `Upload-Offset` can. */
export const uploadHeaders = (upload: Pick<Upload, 'id' | 'repository' | 'sizeBytes'>) => ({
  Location: `/v2/${upload.repository}/blobs/uploads/${upload.id}`,
  Range: `0-${Math.max(0, upload.sizeBytes - 1)}`,
  'Docker-Upload-UUID': upload.id,
  'Upload-Offset': String(upload.sizeBytes),
})
