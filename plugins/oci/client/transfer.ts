// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Fault } from '../../../core/faults.ts'
import type { Descriptor } from './manifest.ts'
import type { PatienceParts } from './patience.ts'

/** How a blob came to be where it shall be. */
export type Outcome = 'present' | 'mounted' | 'sent' | 'received'

/** Whoever shows a transfer to people. */
export interface TransferWatch {
  /** `name`: what people call it, else its digest. */
  begins(blob: Descriptor, name: string): void
  /** So many bytes are safe on the other side. `moved`: those of them that crossed the wire just now. */
  stands(blob: Descriptor, atBytes: number, movedBytes: number): void
  ends(blob: Descriptor, outcome: Outcome): void
  /** Tried again after a pause. */
  trouble(blob: Descriptor, fault: Fault, pauseMs: number): void
}

export const unwatched: TransferWatch = {
  begins() {},
  stands() {},
  ends() {},
  trouble() {},
}

export interface TransferOptions {
  /** Unix time in ms. */
  readonly now: () => number
  readonly signal?: AbortSignal | undefined
  readonly watch?: TransferWatch
  /** See `PatienceParts`. */
  readonly patienceMs?: number
}

/** The patience of one blob, whose troubles its watch is told. */
export function patienceFor(blob: Descriptor, options: TransferOptions): PatienceParts {
  const { now, signal, patienceMs, watch = unwatched } = options
  return {
    ...{ now, signal, onTrouble: (fault, pauseMs) => watch.trouble(blob, fault, pauseMs) },
    ...(patienceMs === undefined ? {} : { patienceMs }),
  }
}

/** A blob that can be read at any place, again and again. */
export interface BlobSource {
  readonly blob: Descriptor
  /** For people. */
  readonly name: string
  /** The bytes `[fromBytes, toBytes)`. */
  open(fromBytes: number, toBytes: number): AsyncIterable<Uint8Array>
}
