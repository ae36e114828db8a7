// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Access } from '../access.ts'
import type { Digest } from './digest.ts'

/** Asked before something is stored or removed; throws a fault to refuse it. Any part may be left out. */
export interface Guard {
  /** A tag is about to move, or to be deleted (`next` undefined). */
  tag?(
    change: {
      readonly repository: string
      readonly tag: string
      readonly current: Digest | undefined
      readonly next: Digest | undefined
    },
    access: Access,
  ): Promise<void> | void
  /** A manifest is about to be deleted. */
  remove?(repository: string, digest: Digest, access: Access): Promise<void> | void
}

/** What clients should tell their people about a repository: `Warning: 299`. */
export type WarningSource = (repository: string, tag?: string) => string | undefined

/** distribution-spec v1.1.1, "Warnings": all of them together. */
const LONGEST_WARNING = 4_096

/** What policy, quota and others put between a call and the store. */
export interface Guards {
  guard(guard: Guard): void
  /** Runs all guards in the order in which they came. */
  check: {
    tag(...change: Parameters<NonNullable<Guard['tag']>>): Promise<void>
    remove(repository: string, digest: Digest, access: Access): Promise<void>
  }
  warn(source: WarningSource): void
  /** The header `Warning`, where there is something to say. */
  warnings(repository: string, tag?: string): Readonly<Record<string, string>>
}

const quoted = (text: string) =>
  `299 - "${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, (sign) => `\\${sign}`)}"`

export function createGuards(): Guards {
  const guards: Guard[] = []
  const sources: WarningSource[] = []
  return {
    guard: (guard) => void guards.push(guard),
    check: {
      async tag(change, access) {
        for (const guard of guards) await guard.tag?.(change, access)
      },
      async remove(repository, digest, access) {
        for (const guard of guards) await guard.remove?.(repository, digest, access)
      },
    },
    warn: (source) => void sources.push(source),
    warnings(repository, tag) {
      if (sources.length === 0) return {}
      const texts = sources
        .map((source) => source(repository, tag))
        .filter((text) => text !== undefined)
      let value = ''
      for (const text of texts.map(quoted)) {
        const next = value === '' ? text : `${value}, ${text}`
        if (next.length > LONGEST_WARNING) break
        value = next
      }
      return value === '' ? {} : { Warning: value }
    },
  }
}
