// SPDX-License-Identifier: AGPL-3.0-or-later

/** What the command line gave for the options. */
export interface Flags {
  /** Was the switch given? */
  on(name: string): boolean
  text(name: string): string | undefined
  list(name: string): readonly string[]
}
