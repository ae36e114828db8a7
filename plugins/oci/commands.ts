// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../core/command.ts'
import { copyCommand } from './commands/copy.ts'
import { pullCommand } from './commands/pull.ts'
import { pushCommand } from './commands/push.ts'

/** `slipway oci …` */
export const ociCommands: readonly DeclaredCommand[] = [pushCommand, pullCommand, copyCommand]
