// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto'
import { authFaults } from './faults.ts'

/** Memory in KiB and passes: 64 MiB and 0.1 s a run, above OWASP's least of 19 MiB (Password Storage Cheat Sheet). */
const ARGON2ID = { algorithm: 'argon2id', memoryCost: 65_536, timeCost: 2 } as const
/** Runs at once: each takes a core and 64 MiB. */
const RUNS = 2
/** Runs that may wait; more would only be answered after their callers gave up. */
const WAITING = 64

/** Makes and judges argon2id hashes in PHC form. */
export interface Passwords {
  hash(password: string): Promise<string>
  /** Without a hash (nobody of that name) it takes as long as with one, and is false. */
  verify(password: string, hash: string | undefined): Promise<boolean>
}

/** The two slow functions; tests count their runs. */
export interface Argon2 {
  hash(password: string): Promise<string>
  verify(password: string, hash: string): Promise<boolean>
}

const bunArgon2: Argon2 = {
  hash: (password) => Bun.password.hash(password, ARGON2ID),
  verify: (password, hash) => Bun.password.verify(password, hash),
}

/** Passwords under one limit of runs, each of which is told. Throws `auth.busy` when too many wait. */
export function createPasswords(argon2: Argon2 = bunArgon2, ran?: () => void): Passwords {
  const limited = createLimit(RUNS, WAITING)
  const nobody = hashOfNobody()
  return {
    hash: (password) =>
      limited(() => {
        ran?.()
        return argon2.hash(password)
      }),
    async verify(password, hash) {
      const matches = await limited(() => {
        ran?.()
        return argon2.verify(password, hash ?? nobody)
      })
      return matches && hash !== undefined
    },
  }
}

/** A hash of our cost that no password has: salt and hash are random. */
function hashOfNobody(): string {
  const random = () => randomBytes(32).toString('base64').replace(/=+$/, '')
  const { memoryCost, timeCost } = ARGON2ID
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=1$${random()}$${random()}`
}

function createLimit(runs: number, longestQueue: number) {
  const queue: (() => void)[] = []
  let running = 0
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (queue.length >= longestQueue) {
      throw authFaults.busy('too many logins at once: try again in a few seconds', {
        retryAfterSeconds: 5,
      })
    }
    if (running >= runs) await new Promise<void>((resolve) => queue.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      // The place is handed on, not given back: nobody can slip in between.
      const next = queue.shift()
      if (next) next()
      else running--
    }
  }
}
