// SPDX-License-Identifier: AGPL-3.0-or-later
import { resolve } from 'node:path'

/**
 * The data folder: `--data`, `$SLIPWAY_DATA`, what systemd made for us, or beside the caller.
 * Absolute; it need not exist.
 */
export function dataFolder(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  // StateDirectory= with several entries gives a list with colons; the first is ours.
  const state = env['STATE_DIRECTORY']?.split(':')[0]
  return resolve(flag ?? (env['SLIPWAY_DATA'] || state || 'slipway-data'))
}
