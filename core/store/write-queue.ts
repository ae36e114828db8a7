// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Client } from '@libsql/client'
import { createWriteTransaction } from './begin-write.ts'
import type { Tx } from './tx.ts'

/** All writes of one database, one after the other; those that wait share a transaction and its fsync. */
export interface WriteQueue {
  /** Resolves after the commit; what `work` throws rolls back `work` and nothing else. */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs `work` with nothing else under way: it makes its own transactions. */
  alone(work: () => Promise<void>): Promise<void>
}

/** Most writes in one commit: bounds how long the first of them waits for its answer. */
const GROUP = 64

/** A write that waits. Neither function throws; what `run` rejects with, the caller has been told. */
interface Waiting {
  /** Does the work, and returns what tells the caller that it is committed. */
  run(tx: Tx): Promise<() => void>
  fail(error: unknown): void
}

function waiting<T>(work: (tx: Tx) => Promise<T>): Waiting & { readonly answer: Promise<T> } {
  const { promise: answer, resolve, reject } = Promise.withResolvers<T>()
  return {
    answer,
    fail: reject,
    async run(tx) {
      const value = await work(tx)
      return () => resolve(value)
    },
  }
}

/** Each in a savepoint: a failure undoes its own changes, and the others go on. */
async function runGroup(tx: Tx, group: readonly Waiting[]): Promise<(() => void)[]> {
  const committed: (() => void)[] = []
  for (const each of group) {
    let failure: { readonly error: unknown } | undefined
    await tx
      .transaction(async (inner) => {
        try {
          committed.push(await each.run(inner))
        } catch (error) {
          failure = { error }
          throw error
        }
      })
      .catch((error: unknown) => {
        // Anything but its own failure, rolled back, ends the transaction: a full disk, say.
        if (error !== failure?.error) throw error
        each.fail(error)
      })
  }
  return committed
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

export function createWriteQueue(client: Client): WriteQueue {
  const transaction = createWriteTransaction(client)
  const queue: Waiting[] = []
  let tail: Promise<void> = Promise.resolve()
  let scheduled = false
  let crowded = false

  const commit = async (group: readonly Waiting[]): Promise<void> => {
    const [first] = group
    try {
      const tell = await transaction(async (tx) =>
        first && group.length === 1 ? [await first.run(tx)] : runGroup(tx, group),
      )
      for (const each of tell) each()
    } catch (error) {
      // Nothing of the group stands. Whoever was told of a failure of its own keeps that answer.
      for (const each of group) each.fail(error)
    }
  }

  const drain = async (): Promise<void> => {
    // Where many write, those who were just answered have more to write: they join after one turn.
    if (crowded) await turn()
    scheduled = false
    const group = queue.splice(0, GROUP)
    crowded = group.length > 1
    await commit(group)
    if (queue.length > 0) schedule()
  }

  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    tail = tail.then(drain)
  }

  return {
    write(work) {
      const one = waiting(work)
      queue.push(one)
      schedule()
      return one.answer
    },
    alone(work) {
      const done = tail.then(work)
      tail = done.catch(() => undefined)
      return done
    },
  }
}
