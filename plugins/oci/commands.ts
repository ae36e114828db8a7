// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../core/command.ts'
import {
  findingsCommand,
  fsckCommand,
  rebuildCommand,
  rescanCommand,
  scrubCommand,
  scrubPauseCommand,
  scrubResumeCommand,
  scrubStatusCommand,
} from './commands/check.ts'
import { gcCommand, gcPauseCommand, gcResumeCommand, gcStatusCommand } from './commands/collect.ts'
import { copyCommand } from './commands/copy.ts'
import { inspectCommand } from './commands/inspect.ts'
import { lsCommand, tagsCommand } from './commands/list.ts'
import {
  policyLsCommand,
  policyRmCommand,
  policySetCommand,
  policyShowCommand,
} from './commands/policies.ts'
import { pullCommand } from './commands/pull.ts'
import { pushCommand } from './commands/push.ts'
import { rmCommand } from './commands/remove.ts'
import {
  quotaSetCommand,
  quotaShowCommand,
  retentionApplyCommand,
  retentionPlanCommand,
  retentionSetCommand,
  retentionShowCommand,
} from './commands/rules.ts'
import { tagCommand, tagLogCommand, tagRollbackCommand } from './commands/tag.ts'
import { tasksCancelCommand, tasksCommand } from './commands/tasks.ts'
import { uploadsCommand, uploadsLsCommand, uploadsRmCommand } from './commands/uploads.ts'

/** `slipway oci …` */
export const ociCommands: readonly DeclaredCommand[] = [
  ...[pushCommand, pullCommand, copyCommand],
  ...[lsCommand, tagsCommand, inspectCommand, rmCommand],
  ...[tagCommand, tagLogCommand, tagRollbackCommand],
  ...[uploadsCommand, uploadsLsCommand, uploadsRmCommand],
  ...[gcCommand, gcStatusCommand, gcPauseCommand, gcResumeCommand],
  ...[retentionShowCommand, retentionSetCommand, retentionPlanCommand, retentionApplyCommand],
  ...[quotaShowCommand, quotaSetCommand],
  ...[scrubCommand, scrubStatusCommand, scrubPauseCommand, scrubResumeCommand, findingsCommand],
  ...[fsckCommand, rescanCommand, rebuildCommand],
  ...[policyLsCommand, policyShowCommand, policySetCommand, policyRmCommand],
  ...[tasksCommand, tasksCancelCommand],
]
