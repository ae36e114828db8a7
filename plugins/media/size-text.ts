// SPDX-License-Identifier: AGPL-3.0-or-later
import { GiB, KiB, MiB } from '../../core/units.ts'

const UNITS = [
  [GiB, 'GiB'],
  [MiB, 'MiB'],
  [KiB, 'KiB'],
] as const

/** A number of bytes for people: `2.9 MiB`. */
export function sizeText(bytes: number): string {
  const [factor, unit] = UNITS.find(([unitBytes]) => bytes >= unitBytes) ?? [1, 'B']
  return factor === 1 ? `${bytes} B` : `${(bytes / factor).toFixed(1)} ${unit}`
}
