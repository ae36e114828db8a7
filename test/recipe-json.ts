// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the corpus of recipes is made of. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export type JsonObject = { [name: string]: Json }
export type Path = readonly (string | number)[]

/** A place of the full recipe, what it may hold, and what it may not. */
export interface Place {
  readonly path: Path
  readonly good: readonly Json[]
  readonly bad: readonly Json[]
}
