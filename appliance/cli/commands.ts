// SPDX-License-Identifier: AGPL-3.0-or-later
import { auditList } from './audit.ts'
import { backupCommand } from './backup.ts'
import { caExport } from './ca.ts'
import type { CliCommand } from './command.ts'
import { completionCommand } from './completion-command.ts'
import { configCheck, configPrint } from './config-commands.ts'
import { dispatchCommand } from './dispatch.ts'
import { helpCommand } from './help-command.ts'
import { installCommand } from './install.ts'
import { jobCancel, jobRetry, jobWatch } from './job-actions.ts'
import { jobCreate } from './job-create.ts'
import { jobList } from './job-list.ts'
import { jobLog } from './job-log.ts'
import { jobShow } from './job-show.ts'
import { jobTranscript } from './job-transcript.ts'
import { machineAliasAdd, machineAliasRemove } from './machine-alias.ts'
import { machineCapture } from './machine-capture.ts'
import { machineInspect } from './machine-inspect.ts'
import { machineList, machineProbe, machineShow } from './machine-read.ts'
import { machineAdd, machineImport, machineRemove, machineSet } from './machine-write.ts'
import { maintenanceImport, maintenanceRemove, maintenanceShow } from './maintenance.ts'
import { profileAdd, profileList, profileRemove, profileUse } from './profile.ts'
import { recipeSchema, recipeValidate } from './recipe.ts'
import { restoreCommand } from './restore.ts'
import { serveCommand } from './serve-command.ts'
import { stepCommand } from './step.ts'
import { userAdd, userChange, userList, userPassword, userRemove } from './user.ts'
import { versionCommand } from './version-command.ts'

/** All commands of the executable but those of plugins, in the order of the help. `all` is the whole table. */
export function coreCommands(all: () => readonly CliCommand[]): readonly CliCommand[] {
  return [
    serveCommand,
    ...[jobCreate, jobWatch, jobList, jobShow, jobLog, jobTranscript, jobCancel, jobRetry],
    ...[machineAdd, machineSet, machineList, machineShow, machineProbe, machineImport],
    ...[machineInspect, machineCapture, machineRemove, machineAliasAdd, machineAliasRemove],
    ...[recipeValidate, recipeSchema],
    ...[maintenanceImport, maintenanceShow, maintenanceRemove],
    ...[userAdd, userList, userChange, userPassword, userRemove],
    auditList,
    ...[backupCommand, restoreCommand],
    caExport,
    ...[profileAdd, profileList, profileUse, profileRemove],
    ...[configCheck, configPrint],
    installCommand,
    dispatchCommand,
    stepCommand,
    completionCommand(all),
    versionCommand,
    helpCommand(all),
  ]
}
