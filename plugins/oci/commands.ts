// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../core/command.ts'
import { copyCommand } from './commands/copy.ts'
import { inspectCommand } from './commands/inspect.ts'
import { lsCommand, tagsCommand } from './commands/list.ts'
import { pullCommand } from './commands/pull.ts'
import { pushCommand } from './commands/push.ts'
import { rmCommand } from './commands/remove.ts'
import { tagCommand, tagLogCommand, tagRollbackCommand } from './commands/tag.ts'
import { uploadsCommand, uploadsLsCommand, uploadsRmCommand } from './commands/uploads.ts'

/** `slipway oci …` */
export const ociCommands: readonly DeclaredCommand[] = [
  pushCommand,
  pullCommand,
  copyCommand,
  lsCommand,
  tagsCommand,
  inspectCommand,
  rmCommand,
  ...[tagCommand, tagLogCommand, tagRollbackCommand],
  ...[uploadsCommand, uploadsLsCommand, uploadsRmCommand],
]
