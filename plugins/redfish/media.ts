// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerRules } from '../../core/jobs/controller.ts'
import type { Client, Note } from './client.ts'
import type { RedfishOptions } from './config.ts'
import type { VirtualDrive } from './drives.ts'
import type { OemParts } from './oem.ts'

/** What insert and eject work with. */
export interface MediaParts {
  readonly client: Client
  readonly rules: ControllerRules
  readonly oem: OemParts
  readonly note: Note
  /** URIs of drives that refused an image in this session. */
  readonly refusing: Set<string>
  /** Reads one drive afresh. */
  readonly read: (uri: string, signal: AbortSignal) => Promise<VirtualDrive>
  readonly options: Pick<
    RedfishOptions,
    'pollMs' | 'insertTimeoutMs' | 'insertConfirmMs' | 'ejectTimeoutMs' | 'rungPauseMs'
  >
}
