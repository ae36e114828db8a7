// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Logger } from '../../../core/log.ts'
import { addAudit } from '../../../core/store/audit.ts'
import type { Db, Tx } from '../../../core/store/client.ts'
import { findJob } from '../../../core/store/jobs.ts'
import { callerOf, createThrottle } from '../../../core/throttle.ts'
import { MINUTE } from '../../../core/units.ts'
import type { Denial } from '../access.ts'
import type { Recorder } from './events.ts'

/** Refusals of one address are cheap to make: so many a minute are worth a row. */
const DENIED_BY_ADDRESS = 20

const ROUTES = {
  manifest: '/v2/:repository/manifests/:reference',
  tag: '/v2/:repository/manifests/:reference',
  blob: '/v2/:repository/blobs/:digest',
} as const

interface Entry {
  readonly by: string
  readonly job: string | undefined
  readonly address: string | undefined
  readonly method: 'PUT' | 'DELETE'
  readonly route: string
  readonly object: string
  readonly status: number
  readonly code?: string
}

export interface RegistryAudit {
  record: Recorder
  denied(denial: Denial): void
  /** Resolves when all refusals that were told so far are written. */
  settled(): Promise<void>
}

/**
 * Writes down who pushed and deleted what, in the transaction that did it, and who was not let to.
 * Blobs are told by the manifests that need them; only their deletes are rows of their own.
 */
export function createRegistryAudit(parts: {
  readonly db: Db
  readonly log: Logger
  /** Unix ms. */
  readonly now: () => number
}): RegistryAudit {
  const { db, log, now } = parts
  const throttle = createThrottle({ limit: DENIED_BY_ADDRESS, windowMs: MINUTE, now })
  let tail: Promise<void> = Promise.resolve()

  const add = async (tx: Tx, entry: Entry, at: number): Promise<void> => {
    const { by, job, address, object, ...rest } = entry
    const serial = job === undefined ? undefined : (await findJob(tx, job))?.serial
    await addAudit(tx, {
      ...{ role: null, door: null, userName: null, code: null, requestId: '' },
      ...{ ...rest, at, principal: by, address: address ?? '', object: object.slice(0, 400) },
      ...{ jobId: job ?? null, serial: serial ?? null },
    })
  }

  return {
    async record(tx, { kind, what, repository, digest, tag, by, job, address }) {
      const pushed = kind === 'push' && what === 'manifest'
      if (!pushed && kind !== 'delete') return
      const object = `${repository}${tag === undefined ? '' : `:${tag}`}@${digest}`
      const method = pushed ? 'PUT' : 'DELETE'
      const status = pushed ? 201 : 202
      await add(tx, { by, job, address, method, route: ROUTES[what], object, status }, now())
    },
    denied({ name, job, address, wanted, code }) {
      if (wanted.action !== 'push' && wanted.action !== 'delete') return
      const caller = callerOf(address)
      if (throttle.waitSeconds(caller) > 0) return
      throttle.hit(caller)
      const { repository = '', digest } = wanted
      const object = digest === undefined ? repository : `${repository}@${digest}`
      const method = wanted.action === 'push' ? 'PUT' : 'DELETE'
      const route = '/v2/:repository'
      const entry: Entry = { by: name, job, address, method, route, object, status: 403, code }
      const at = now()
      tail = tail
        .then(() => db.write((tx) => add(tx, entry, at)))
        .catch((err: unknown) => {
          // It was refused all the same.
          log.error(
            { err, object, by: name },
            'a refusal of the registry is missing in the audit log',
          )
        })
    },
    settled: () => tail,
  }
}
