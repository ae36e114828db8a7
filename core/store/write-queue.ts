// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Tx } from './tx.ts'
import type { Writer } from './writer.ts'

/** All writes of one database, one after the other; those that wait share a transaction and its fsync. */
export interface WriteQueue {
  /** Resolves after the commit; what `work` throws rolls back `work` and nothing else. */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs `work` with nothing else under way: it makes its own transactions. */
  alone(work: () => Promise<void>): Promise<void>
}

/**
 * Most writes in one commit. Those who are answered together go on together, and hold the event loop
 * meanwhile: with 128 of them the slowest answers of the API took twice as long (500 jobs at once).
 */
const GROUP = 24
/** A commit takes no more writes after so long: the event loop stands still meanwhile. */
const LONGEST_GROUP_MS = 4

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

export function createWriteQueue(writer: Writer): WriteQueue {
  const queue: Waiting[] = []
  let tail: Promise<void> = Promise.resolve()
  let scheduled = false

  /** Each in a savepoint: a failure undoes its own changes, and the others go on. */
  const runOne = async (tx: Tx, each: Waiting): Promise<(() => void) | undefined> => {
    let failure: { readonly error: unknown } | undefined
    try {
      return await writer.savepoint(tx, async (inner) => {
        try {
          return await each.run(inner)
        } catch (error) {
          failure = { error }
          throw error
        }
      })
    } catch (error) {
      // Anything but its own failure, rolled back, ends the transaction: a full disk, say.
      if (error !== failure?.error) throw error
      each.fail(error)
      return undefined
    }
  }

  /** Does the work of a group; what does not fit goes back to the head of the queue. */
  const runGroup = async (tx: Tx, group: Waiting[]): Promise<(() => void)[]> => {
    const [first] = group
    if (first && group.length === 1) return [await first.run(tx)]
    const answers: (() => void)[] = []
    const end = performance.now() + LONGEST_GROUP_MS
    for (const [index, each] of group.entries()) {
      if (performance.now() > end) {
        queue.unshift(...group.splice(index))
        break
      }
      const answer = await runOne(tx, each)
      if (answer) answers.push(answer)
    }
    return answers
  }

  const commit = async (group: Waiting[]): Promise<void> => {
    try {
      const tell = await writer.transaction((tx) => runGroup(tx, group))
      for (const each of tell) each()
    } catch (error) {
      // Nothing of the group stands. Whoever was told of a failure of its own keeps that answer.
      for (const each of group) each.fail(error)
    }
  }

  const drain = async (): Promise<void> => {
    // One turn: what else has come in by now may have something to write, too.
    await new Promise<void>((resolve) => setImmediate(resolve))
    scheduled = false
    await commit(queue.splice(0, GROUP))
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
