// SPDX-License-Identifier: AGPL-3.0-or-later
import { ociFaults } from '../errors.ts'
import type { OciStore } from '../store.ts'

/** From this share of a quota on clients are warned. */
const WARN_AT = 0.9

/** Immutable tags stand between every call and the store, and a quota that is nearly used up is told. */
export function installGuards(store: OciStore): void {
  store.guard({
    tag({ repository, tag, current, next }) {
      // The first push of it, and the same again, change nothing that was promised.
      if (current === undefined || current === next) return
      if (!store.rules.isImmutable(repository, tag)) return
      throw ociFaults.denied(
        `${repository}:${tag} is immutable: push under another tag, or have an admin take it out of the immutable tags`,
      )
    },
  })
  store.warn((repository) => {
    const use = store.quota.fullest(repository)
    if (!use || use.usedBytes < use.limitBytes * WARN_AT) return undefined
    const percent = Math.floor((use.usedBytes / Math.max(1, use.limitBytes)) * 100)
    return `the quota of ${use.repositories} is used to ${percent} %: ${use.usedBytes} of ${use.limitBytes} bytes`
  })
  store.onEvent(({ kind }) => {
    if (kind === 'delete') store.quota.forget()
  })
}
