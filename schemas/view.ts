// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

/** A document that we send: its schema says what we promise, and nobody may change one that was made. */
export type View<S extends v.GenericSchema> = Frozen<v.InferOutput<S>>

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T

/** RFC 3339 in UTC, to the millisecond. */
export const Time = v.pipe(v.string(), v.isoTimestamp())

export const Count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** Given back as `cursor` it brings the next page; absent on the last one. */
export const NextCursor = v.exactOptional(v.string())
