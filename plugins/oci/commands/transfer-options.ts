// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandCall, OptionSpecs } from '../../../core/command.ts'
import { SECOND } from '../../../core/units.ts'
import type { TransferOptions, TransferWatch } from '../client/transfer.ts'

/** Of every command that moves blobs. */
export const TRANSFER_OPTIONS = {
  parallel: { value: 'N', summary: 'blobs under way at the same time (default 3)' },
  patience: {
    value: 'SECONDS',
    summary: 'go on trying so long without a byte moving (default 300; 0: not at all)',
  },
} as const satisfies OptionSpecs

const LARGEST_PARALLEL = 16

/** Reads them. Throws a usage problem. */
export function transferOptions(
  { flags, usage }: CommandCall,
  watch: TransferWatch,
): TransferOptions & { readonly atOnce: number } {
  const number = (name: string, standard: string, least: number, most: number) => {
    const text = flags.text(name) ?? standard
    const value = Number(text)
    if (/^\d{1,7}$/.test(text) && value >= least && value <= most) return value
    throw usage(`--${name} is a number from ${least} to ${most}`)
  }
  return {
    now: Date.now,
    watch,
    atOnce: number('parallel', '3', 1, LARGEST_PARALLEL),
    patienceMs: number('patience', '300', 0, 1_000_000) * SECOND,
  }
}
