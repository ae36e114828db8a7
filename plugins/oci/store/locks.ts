// SPDX-License-Identifier: AGPL-3.0-or-later

/** One holder a key, or many that share it; in the order of asking. */
export interface Locks {
  /** Runs `work` while nobody else holds the key. */
  alone<T>(key: string, work: () => Promise<T>): Promise<T>
  /** Runs `work` beside others that share the key. */
  shared<T>(key: string, work: () => Promise<T>): Promise<T>
}

interface Queue {
  /** Resolves when everybody who asked so far has done. */
  all: Promise<unknown>
  /** Resolves when the last who wanted to be alone has done. */
  lone: Promise<unknown>
  waiting: number
}

const swallow = () => undefined

export function createLocks(): Locks {
  const queues = new Map<string, Queue>()

  const enter = async <T>(key: string, lone: boolean, work: () => Promise<T>): Promise<T> => {
    let queue = queues.get(key)
    if (!queue) {
      queue = { all: Promise.resolve(), lone: Promise.resolve(), waiting: 0 }
      queues.set(key, queue)
    }
    const running = (lone ? queue.all : queue.lone).then(work)
    const done = running.catch(swallow)
    queue.all = lone ? done : Promise.all([queue.all, done])
    if (lone) queue.lone = done
    queue.waiting++
    try {
      return await running
    } finally {
      if (--queue.waiting === 0) queues.delete(key)
    }
  }
  return {
    alone: (key, work) => enter(key, true, work),
    shared: (key, work) => enter(key, false, work),
  }
}
