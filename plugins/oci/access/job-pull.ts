// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, eq, inArray, ne } from 'drizzle-orm'
import type { Sighting } from '../../../core/hooks.ts'
import type { Logger } from '../../../core/log.ts'
import type { Reader } from '../../../core/store/client.ts'
import { MiB, SECOND } from '../../../core/units.ts'
import type { Peer } from '../http/call.ts'
import { type AckedBytes, peerKey } from '../http/tcp-acked.ts'
import { blobs, manifestReferences } from '../tables.ts'
import type { OciEvent } from '../watch/events.ts'

/** A body that goes out in one piece is not worth a question to the kernel. */
const AT_ONCE_BYTES = MiB

/** One blob on its way to a machine. */
interface Transfer {
  readonly digest: string
  readonly bytes: number
  readonly peer: Peer
  readonly key: string
  /** What the connection had acknowledged before. */
  readonly base: number
  taken: number
}

/** What is known of the pull of one job. */
interface Pull {
  readonly job: string
  readonly repository: string
  /** What its manifests point at, and how large that is. */
  readonly sizes: Map<string, number>
  /** Of transfers that are over. */
  readonly done: Map<string, number>
  readonly running: Set<Transfer>
  from: string
  told: { readonly bytes: number; readonly total: number }
  tenths: number
}

export interface JobPulls {
  /** To be called with every event of the registry. */
  watch(event: OciEvent): void
  /** The job is over. */
  forget(jobId: string): void
}

export interface JobPullParts {
  readonly db: Reader
  readonly see: (sighting: Sighting) => void
  readonly acked: Pick<AckedBytes, 'read'>
  readonly log: Logger
  /** Between two looks while something is on its way, in ms. */
  readonly everyMs?: number
}

/** The empty descriptor of artifacts (image-spec, manifest.md): whoever pulls one has its two bytes already. */
const EMPTY = 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'

/** Sizes of what a manifest points at, manifests apart: a machine pulls one of an index. */
async function childrenOf(db: Reader, repository: string, manifest: string) {
  const { child, kind } = manifestReferences
  return db
    .select({ digest: child, sizeBytes: blobs.sizeBytes })
    .from(manifestReferences)
    .innerJoin(blobs, eq(blobs.digest, child))
    .where(
      and(
        eq(manifestReferences.repository, repository),
        eq(manifestReferences.manifest, manifest),
        inArray(kind, ['config', 'layer']),
        ne(child, EMPTY),
      ),
    )
}

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0)

/** Bytes that the machine has, each counted once however often it was asked for. */
function bytesOf({ sizes, done, running }: Pull): number {
  const taken = new Map(done)
  for (const transfer of running) {
    taken.set(transfer.digest, (taken.get(transfer.digest) ?? 0) + transfer.taken)
  }
  return sum([...taken].map(([digest, bytes]) => Math.min(bytes, sizes.get(digest) ?? bytes)))
}

/** Sees machines pull their images, by what their connections acknowledge; at most once a second. */
export function createJobPulls(parts: JobPullParts): JobPulls {
  const { db, see, acked, log, everyMs = SECOND } = parts
  const pulls = new Map<string, Pull>()
  let timer: Timer | undefined

  const tell = (pull: Pull): void => {
    const total = sum(pull.sizes.values())
    const bytes = bytesOf(pull)
    if (total === 0 || (bytes === pull.told.bytes && total === pull.told.total)) return
    const percent = Math.floor((100 * bytes) / total)
    const tenths = Math.floor(percent / 10)
    const passing = pull.told.bytes > 0 && tenths === pull.tenths
    pull.told = { bytes, total }
    pull.tenths = tenths
    see({
      ...{ job: pull.job, level: 'pulled', bytes, totalBytes: total, percent, passing },
      from: pull.from,
      detail: `pulled ${percent} % of ${pull.repository}`,
    })
  }

  const end = (pull: Pull, transfer: Transfer, bytes: number): void => {
    pull.running.delete(transfer)
    pull.done.set(transfer.digest, (pull.done.get(transfer.digest) ?? 0) + bytes)
  }

  const look = (): void => {
    const known = acked.read()
    for (const pull of pulls.values()) {
      for (const transfer of pull.running) {
        const now = known?.get(transfer.key)
        if (now !== undefined) transfer.taken = Math.min(transfer.bytes, now - transfer.base)
        if (transfer.peer.isGone()) end(pull, transfer, transfer.taken)
        // A connection that ended without being broken had sent all of it.
        else if (now === undefined || transfer.taken >= transfer.bytes) {
          end(pull, transfer, transfer.bytes)
        }
      }
      tell(pull)
    }
    if ([...pulls.values()].every(({ running }) => running.size === 0)) {
      clearInterval(timer)
      timer = undefined
    }
  }

  const lookSoon = (): void => {
    if (timer) return
    timer = setInterval(look, everyMs)
    timer.unref()
  }

  const pullOf = ({ job = '', repository, peer }: OciEvent): Pull => {
    const known = pulls.get(job)
    const pull = known ?? {
      ...{ job, repository, sizes: new Map(), done: new Map(), running: new Set<Transfer>() },
      ...{ from: '', told: { bytes: 0, total: 0 }, tenths: 0 },
    }
    if (peer) pull.from = peer.address
    pulls.set(job, pull)
    return pull
  }

  const expect = (pull: Pull, manifest: string): void => {
    childrenOf(db, pull.repository, manifest)
      .then((children) => {
        for (const { digest, sizeBytes } of children) pull.sizes.set(digest, sizeBytes)
      })
      .catch((err: unknown) => log.error({ err, job: pull.job }, 'a pull shows no progress'))
  }

  const begin = (pull: Pull, { digest, bytes, peer }: OciEvent): void => {
    if (!pull.sizes.has(digest)) pull.sizes.set(digest, bytes)
    const key = peer ? peerKey(peer.address, peer.port) : ''
    // The next request of a connection: the answer to the one before has been read.
    for (const transfer of pull.running) {
      if (transfer.key === key) end(pull, transfer, transfer.bytes)
    }
    const base = peer && bytes > AT_ONCE_BYTES ? acked.read()?.get(key) : undefined
    if (!peer || base === undefined) {
      pull.done.set(digest, (pull.done.get(digest) ?? 0) + bytes)
    } else {
      pull.running.add({ ...{ digest, bytes, peer, key, base }, taken: 0 })
    }
    lookSoon()
  }

  return {
    watch(event) {
      if (event.kind !== 'pull' || event.job === undefined) return
      const pull = pullOf(event)
      if (event.what === 'manifest') expect(pull, event.digest)
      else if (event.what === 'blob') begin(pull, event)
    },
    forget: (jobId) => void pulls.delete(jobId),
  }
}
