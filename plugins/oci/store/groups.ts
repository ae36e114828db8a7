// SPDX-License-Identifier: AGPL-3.0-or-later

/** How things that come one by one are worked on together. */
export interface GroupParts<T, R> {
  /** Most things of one group. */
  readonly most: number
  /** Waits for others to join; told how many wait already. */
  readonly gather: (waiting: () => number) => Promise<void>
  /** An end for each thing, in order: its result, or its own error. What it throws is the error of all. */
  readonly work: (group: readonly T[]) => Promise<readonly (R | Error)[]>
}

interface Waiting<T, R> {
  readonly thing: T
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
}

/** Resolves with the end of a thing. What comes while a group is under way goes with the next one. */
export function inGroups<T, R>({ most, gather, work }: GroupParts<T, R>): (thing: T) => Promise<R> {
  const queue: Waiting<T, R>[] = []
  let running = false

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      await gather(() => queue.length)
      const group = queue.splice(0, most)
      try {
        const ends = await work(group.map(({ thing }) => thing))
        for (const [at, { resolve, reject }] of group.entries()) {
          const end = ends[at]
          if (end instanceof Error) reject(end)
          else resolve(end as R)
        }
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    running = false
  }

  return (thing) =>
    new Promise((resolve, reject) => {
      queue.push({ thing, resolve, reject })
      if (running) return
      running = true
      void drain()
    })
}

/** Whoever comes in this turn of the event loop joins. */
export const oneTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
