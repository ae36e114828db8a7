// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults, Fault } from '../../core/faults.ts'

/** What the dispatcher finds wrong with the machine; the code is reported as `failed_step`. */
export const diskFaults = defineFaults('machine', {
  mismatch: { status: 409, retry: false },
  memoryTooSmall: { status: 409, retry: false },
  diskNotFound: { status: 409, retry: false },
  diskAmbiguous: { status: 409, retry: false },
  diskNotEmpty: { status: 409, retry: false },
  diskInUse: { status: 409, retry: false },
  diskTooSmall: { status: 409, retry: false },
  diskUnreadable: { status: 500, retry: false },
})

/** What keeps the dispatcher from its work. Each has an exit code of its own. */
export const dispatchFaults = defineFaults('dispatch', {
  noMedium: { status: 500, retry: false },
  medium: { status: 500, retry: false },
  schema: { status: 500, retry: false },
  recipeUnreadable: { status: 500, retry: false },
  recipe: { status: 500, retry: false },
  output: { status: 500, retry: false },
  systemctl: { status: 500, retry: false },
  notRoot: { status: 500, retry: false },
  serial: { status: 500, retry: false },
})

/** Exit codes of the provisioning contract 1.5; scripts of maintenance images rely on them. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  'dispatch.no-medium': 10,
  'dispatch.medium': 11,
  'dispatch.schema': 12,
  'dispatch.recipe-unreadable': 13,
  'dispatch.recipe': 14,
  'dispatch.output': 15,
  'dispatch.systemctl': 16,
  'dispatch.not-root': 17,
  'dispatch.serial': 18,
}

/** For what nobody foresaw. */
export const PANIC = 20

/** What the process ends with after this error: 0 for what the machine itself is to blame for and was reported. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Fault)) return PANIC
  return error.code.startsWith('machine.') ? 0 : (EXIT_CODES[error.code] ?? PANIC)
}

const UNIT = 'provision-dispatcher.service'

/** The step that a report blames: a code of ours about the machine, else the dispatcher's unit. */
export const stepOf = (error: unknown): string =>
  error instanceof Fault && error.code.startsWith('machine.') ? error.code : UNIT

/** The unit that runs the dispatcher. */
export const DISPATCHER_UNIT = UNIT
