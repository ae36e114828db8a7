// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MediaPlan } from '../../core/jobs/bmc.ts'
import type { ControllerProfile, ProbeCheck } from '../../core/jobs/controller.ts'
import { realName } from './aliases.ts'
import type { Client } from './client.ts'
import type { VirtualDrive } from './drives.ts'
import { Collection, type ComputerSystem, type Manager, parseResource } from './resources.ts'
import type { Root } from './root.ts'

/** What was read of a controller, to be judged. */
export interface WarningParts {
  readonly client: Client
  readonly root: Root
  /** Where the checks of the profile begin. */
  readonly places: { readonly system: string; readonly manager: string | undefined }
  readonly system: ComputerSystem
  readonly managers: readonly Manager[]
  readonly profile: ControllerProfile
  readonly drives: readonly VirtualDrive[]
  readonly resetTypes: readonly string[] | undefined
  readonly plan: MediaPlan | { readonly missingBecause: string }
  readonly basicBecause: string | undefined
  /** `TLSv1.2`; '' for plain HTTP. */
  readonly tlsProtocol: string
  readonly insecure: boolean
  readonly now: number
}

/** Certificates, logs and tokens are judged by clocks; a few minutes do no harm. */
const CLOCK_TOLERANCE_MS = 5 * 60_000

function clockWarning(managers: readonly Manager[], now: number): string | undefined {
  const shown = managers.map(({ DateTime }) => Date.parse(DateTime ?? '')).find(Number.isFinite)
  if (shown === undefined) return undefined
  const offMs = Math.abs(shown - now)
  if (offMs <= CLOCK_TOLERANCE_MS) return undefined
  const minutes = Math.round(offMs / 60_000)
  const off = minutes < 2_880 ? `${minutes} min` : `${Math.round(minutes / 1_440)} days`
  return `The controller's clock is off by ${off} (it says ${new Date(shown).toISOString()}): set its time, or certificates and logs will not fit.`
}

/** The standard's own licence list (Redfish 2021.3); what older controllers have instead, profiles advise on. */
async function licenseWarning(client: Client, root: Root, signal: AbortSignal) {
  const service = root.LicenseService?.['@odata.id']
  if (service === undefined) return undefined
  const answer = await client.look(service, signal)
  const list = (answer.body as { Licenses?: { '@odata.id'?: unknown } } | undefined)?.Licenses
  const uri = list?.['@odata.id']
  if (!answer.ok || typeof uri !== 'string') return undefined
  const licenses = await client.look(uri, signal)
  if (!licenses.ok || parseResource(Collection, licenses).Members.length > 0) return undefined
  return 'The controller lists no licence: virtual media from a URL may need one.'
}

/** Follows property names, and links on the way; undefined where the path ends early. */
async function lookUp(client: Client, check: ProbeCheck, uri: string, signal: AbortSignal) {
  let value: unknown = { '@odata.id': uri }
  for (const name of ['', ...check.path]) {
    if (typeof value !== 'object' || value === null) return undefined
    if (name !== '') value = (value as Record<string, unknown>)[name]
    const link = (value as { '@odata.id'?: unknown } | undefined)?.['@odata.id']
    const isLinkOnly = typeof link === 'string' && Object.keys(value as object).length === 1
    if (!isLinkOnly) continue
    const answer = await client.look(link, signal)
    value = answer.ok ? answer.body : undefined
  }
  return value
}

/** The profile's own checks; a check whose place is not there says nothing. */
async function checkWarnings(parts: WarningParts, signal: AbortSignal) {
  const { client, profile, places } = parts
  const looks = (profile.rules.checks ?? []).map(async (check) => {
    const uri = places[check.from]
    const found = uri === undefined ? undefined : await lookUp(client, check, uri, signal)
    if (found === undefined) return undefined
    return new RegExp(check.expect).test(JSON.stringify(found)) ? undefined : check.advice
  })
  return Promise.all(looks)
}

/** How well the way to the controller is guarded. */
function connectionWarnings(parts: WarningParts): readonly (string | undefined)[] {
  const { tlsProtocol, insecure, basicBecause } = parts
  return [
    tlsProtocol === ''
      ? 'The BMC is talked to in plain HTTP: its password crosses the network in clear.'
      : undefined,
    insecure && tlsProtocol !== ''
      ? 'The certificate of the BMC is not checked: pin it, or give its CA.'
      : undefined,
    /^TLSv1(\.1)?$/.test(tlsProtocol)
      ? `The BMC speaks no TLS newer than ${tlsProtocol}: update its firmware.`
      : undefined,
    basicBecause && `No session: ${basicBecause}. Every request logs in by itself.`,
  ]
}

/** What a job needs and the controller does not offer. */
function capabilityWarnings(parts: WarningParts): readonly (string | undefined)[] {
  const { system, plan, resetTypes, drives } = parts
  const lacks = (type: string) => resetTypes !== undefined && !resetTypes.includes(type)
  return [
    'missingBecause' in plan ? plan.missingBecause : undefined,
    system.Boot?.BootSourceOverrideEnabled === undefined && !system['@Redfish.Settings']
      ? 'The system shows no boot override.'
      : undefined,
    system.Actions?.['#ComputerSystem.Reset'] ? undefined : 'The system offers no Reset action.',
    lacks('ForceOff') ? 'The system can not be forced off.' : undefined,
    lacks('On') && lacks('ForceOn') ? 'The system can not be powered on.' : undefined,
    drives.length === 0
      ? 'No virtual media: a licence may be missing, or it is switched off.'
      : undefined,
    realName(system.SerialNumber) ? undefined : 'The system shows no serial number.',
  ]
}

/** What a person should know before trusting this controller with a job. Reads only. */
export async function warningsOf(
  parts: WarningParts,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const warnings = [
    ...(parts.profile.rules.advice ?? []),
    ...(await checkWarnings(parts, signal)),
    ...capabilityWarnings(parts),
    ...connectionWarnings(parts),
    await licenseWarning(parts.client, parts.root, signal),
    clockWarning(parts.managers, parts.now),
  ]
  return [...new Set(warnings.filter((warning): warning is string => Boolean(warning)))]
}
