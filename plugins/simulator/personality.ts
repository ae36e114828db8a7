// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manners } from './manners.ts'

/** A tree, captured or written from a source, and how the controller behind it behaves. */
export interface Personality {
  readonly manners: Manners
  readonly resources: Readonly<Record<string, unknown>>
  /** Path of the machine's system, where the tree has more than one. */
  readonly systemUri?: string
}
