// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import type { BmcState, ControllerSurvey, MediaPlan } from '../../core/jobs/bmc.ts'
import { factsOf } from '../../core/jobs/controller.ts'
import { aliasesOf, realName } from './aliases.ts'
import type { Contact } from './contact.ts'
import type { VirtualDrive } from './drives.ts'
import { redfishFaults } from './faults.ts'
import { resetTypesOf } from './reset.ts'
import { ComputerSystem, Manager, parseResource } from './resources.ts'
import { type WarningParts, warningsOf } from './warnings.ts'

/** The session's own readers, so that a survey sees what a job would see. */
export interface SurveyParts {
  readonly contact: Contact
  readonly drives: (signal: AbortSignal) => Promise<readonly VirtualDrive[]>
  readonly read: (signal: AbortSignal) => Promise<BmcState>
  readonly plan: (signal: AbortSignal) => Promise<MediaPlan>
}

const NO_PLAN = [redfishFaults.noMedia('').code, redfishFaults.boot('').code]

/** No plan is an answer of the survey, not its failure. */
function missingPlan(error: unknown): { readonly missingBecause: string } {
  if (error instanceof Fault && NO_PLAN.includes(error.code)) {
    return { missingBecause: error.message }
  }
  throw error
}

/** All that the warnings judge, read once. */
async function gather(parts: SurveyParts, signal: AbortSignal): Promise<WarningParts> {
  const { contact } = parts
  const { client, finding, info } = contact
  const get = (uri: string) => client.get(uri, signal)
  const system = parseResource(ComputerSystem, await get(finding.systemUri))
  const managers = finding.managerUris.map(async (uri) => parseResource(Manager, await get(uri)))
  return {
    client,
    root: contact.root,
    places: { system: finding.systemUri, manager: finding.managerUris[0] },
    system,
    managers: await Promise.all(managers),
    profile: contact.profile,
    drives: await parts.drives(signal),
    resetTypes: await resetTypesOf(system, info, signal),
    plan: await parts.plan(signal).catch(missingPlan),
    basicBecause: contact.login.basicBecause(),
    tlsProtocol: contact.connection.line.protocol,
    insecure: contact.parts.machine.bmc.tls.mode === 'insecure',
    now: contact.parts.now(),
  }
}

/** What `probe` shows. Sends nothing but GETs and its own login. */
export async function takeSurvey(
  parts: SurveyParts,
  signal: AbortSignal,
): Promise<ControllerSurvey> {
  const { client, finding, profile } = parts.contact
  const gathered = await gather(parts, signal)
  const { system, plan } = gathered
  return {
    ...(await parts.read(signal)),
    identity: finding.identity,
    profile: factsOf(profile),
    plan: 'missingBecause' in plan ? undefined : plan,
    systemUri: finding.systemUri,
    serial: realName(system.SerialNumber),
    uuid: realName(system.UUID),
    aliases: await aliasesOf(client, system, profile, signal),
    warnings: await warningsOf(gathered, signal),
  }
}
