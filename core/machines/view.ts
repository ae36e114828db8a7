// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MachineView, SurveyView } from '../../schemas/machine.ts'
import type { ControllerSurvey } from '../jobs/bmc.ts'
import type { Machine } from './machine.ts'
import { profileChanges } from './profile-changes.ts'

const time = (ms: number) => new Date(ms).toISOString()

/** What a probe found, on the wire. */
export const surveyView = (survey: ControllerSurvey): SurveyView => ({
  vendor: survey.identity.vendor,
  model: survey.identity.systemModel || survey.identity.product,
  firmware: survey.identity.managerFirmware,
  redfish_version: survey.identity.redfishVersion,
  profile: survey.profile.name,
  profile_because: survey.profile.because,
  profile_changes: profileChanges(survey.profile),
  power: survey.power,
  ...(survey.serial ? { serial: survey.serial } : {}),
  ...(survey.uuid ? { uuid: survey.uuid } : {}),
  aliases: survey.aliases,
  system_uri: survey.systemUri,
  drives: survey.drives.map((drive) => ({
    id: drive.id,
    uri: drive.uri,
    owner: drive.owner,
    media_types: drive.mediaTypes,
    schemes: drive.schemes,
    inserted: drive.inserted,
    ...(drive.image ? { image: drive.image } : {}),
  })),
  ...(survey.bootOverride ? { boot_override: survey.bootOverride } : {}),
  ...(survey.plan
    ? {
        media_plan: survey.plan.name,
        media_plan_reason: survey.plan.why,
        boot_target: survey.plan.bootTarget,
      }
    : {}),
  warnings: survey.warnings,
})

/** A machine on the wire. The password never leaves. */
export const machineView = (
  machine: Machine,
  more: { username: string; activeJob?: string | undefined; cleanupPending: boolean },
): MachineView => {
  const { tls } = machine.bmc
  return {
    serial: machine.serial,
    aliases: machine.aliases,
    bmc_url: machine.bmc.url,
    ...(machine.bmc.systemUri ? { system_uri: machine.bmc.systemUri } : {}),
    username: more.username,
    tls: { mode: tls.mode, ...(tls.mode === 'pin' ? { fingerprint: tls.fingerprint } : {}) },
    ...(machine.mediaBaseUrl ? { media_base_url: machine.mediaBaseUrl } : {}),
    ...(machine.reportBaseUrls ? { report_base_urls: machine.reportBaseUrls } : {}),
    ...(machine.mediaPlan ? { media_plan: machine.mediaPlan } : {}),
    labels: machine.labels,
    protected: machine.protected,
    ...(more.activeJob ? { active_job: more.activeJob } : {}),
    ...(more.cleanupPending ? { cleanup_pending: true } : {}),
    ...(machine.survey ? { survey: surveyView(machine.survey) } : {}),
    ...(machine.inventory === null || machine.inventory === undefined
      ? {}
      : { inventory: machine.inventory }),
    created_at: time(machine.createdAt),
    updated_at: time(machine.updatedAt),
  }
}
