// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../core/command.ts'
import { buildCommand } from './build-command.ts'
import { lsCommand } from './ls-command.ts'
import { sampleCommand } from './sample-command.ts'

/** `slipway iso …` */
export const isoCommands: readonly DeclaredCommand[] = [buildCommand, lsCommand, sampleCommand]
