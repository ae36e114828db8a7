// SPDX-License-Identifier: AGPL-3.0-or-later

/** Enough for any test, and little enough for a simulator that runs for weeks. */
const MOST = 10_000

/** Adds to a record of what happened; the oldest entries go. */
export function keep<T>(record: T[], entry: T): void {
  record.push(entry)
  if (record.length > MOST) record.splice(0, record.length - MOST)
}
