// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'

/** What can go wrong with an image: ours while it is written, anybody's while it is read. */
export const isoFaults = defineFaults('iso', {
  /** A name that ISO 9660, Rock Ridge or Joliet can not hold. */
  name: { status: 400, retry: false },
  /** Options that contradict each other or the files. */
  invalid: { status: 400, retry: false },
  tooLarge: { status: 413, retry: false },
  /** A source file vanished, or changed while it was copied. */
  source: { status: 500, retry: false },
  /** No room, no such folder, no permission where the image should stand. */
  destination: { status: 500, retry: false },
  /** Not ISO 9660 at all. */
  notIso: { status: 400, retry: false },
  /** ISO 9660 whose structures contradict themselves. */
  corrupt: { status: 400, retry: false },
  notFound: { status: 404, retry: false },
  /** An image that can not take the task's files in. */
  compose: { status: 400, retry: false },
})

/** Says why an image can not carry a task, and what else to do. */
export const notComposable = (why: string, cause?: unknown) =>
  isoFaults.compose(
    `the image can not carry the task: ${why}; use another maintenance ISO, or a machine with two virtual drives`,
    { cause },
  )
