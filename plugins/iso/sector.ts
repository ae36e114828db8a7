// SPDX-License-Identifier: AGPL-3.0-or-later

/** Logical block of every image here, in bytes. Other sizes exist on paper only. */
export const SECTOR = 2_048

/** First sector of the volume descriptors (ECMA-119 §6.2.1); those before belong to nobody. */
export const FIRST_DESCRIPTOR = 16

/** Number of sectors that `sizeBytes` fill, the last one perhaps in part. */
export const sectorsOf = (sizeBytes: number) => Math.ceil(sizeBytes / SECTOR)

/** `sizeBytes` rounded up to whole sectors. */
export const roundUp = (sizeBytes: number) => sectorsOf(sizeBytes) * SECTOR
