// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BmcState } from '../../core/jobs/bmc.ts'
import type { ControllerRules } from '../../core/jobs/controller.ts'
import { type Answer, told } from './answer.ts'
import type { Client, Note } from './client.ts'
import type { RedfishOptions } from './config.ts'
import { etagOf } from './drives.ts'
import { redfishFaults } from './faults.ts'
import { saysNotDuringPost } from './messages.ts'
import { patch } from './patch.ts'
import { generalFault } from './refusal.ts'
import { ComputerSystem, parseResource, Settings } from './resources.ts'
import { awaitTask } from './task.ts'
import { waitFor } from './wait.ts'

export interface BootParts {
  readonly client: Client
  readonly systemUri: string
  readonly rules: ControllerRules
  readonly note: Note
  readonly options: Pick<RedfishOptions, 'pollMs' | 'bootTimeoutMs'>
}

type BootSettings = NonNullable<ComputerSystem['Boot']>

/** Where the override is written: the system itself, or its settings resource. */
interface Place {
  readonly uri: string
  readonly etag: string | undefined
  readonly boot: BootSettings
}

export const overrideOf = (boot: BootSettings | undefined): BmcState['bootOverride'] =>
  boot?.BootSourceOverrideEnabled === undefined
    ? undefined
    : {
        enabled: boot.BootSourceOverrideEnabled,
        target: boot.BootSourceOverrideTarget ?? '',
      }

/**
 * iDRAC 10 refuses the system and takes its settings resource, where the allowable values are too;
 * others publish one in which Boot does not stand (sushy notes idrac10-settings-resource and
 * check-for-boot-attrs-in-settingsuri): the one that has the property is the place.
 */
export async function findPlace(
  { client, systemUri }: Pick<BootParts, 'client' | 'systemUri'>,
  signal: AbortSignal,
): Promise<Place> {
  const answer = await client.get(systemUri, signal)
  const system = parseResource(ComputerSystem, answer)
  const own = { uri: systemUri, etag: etagOf(answer, system['@odata.etag']), boot: system.Boot }
  const settingsUri = system['@Redfish.Settings']?.SettingsObject?.['@odata.id']
  if (settingsUri !== undefined) {
    const found = await client.look(settingsUri, signal)
    const settings = found.ok ? parseResource(Settings, found) : undefined
    if (settings?.Boot?.BootSourceOverrideEnabled !== undefined) {
      return { uri: settingsUri, etag: etagOf(found, settings['@odata.etag']), boot: settings.Boot }
    }
  }
  if (own.boot) return { ...own, boot: own.boot }
  throw redfishFaults.boot(
    `The BMC ${client.host} shows no boot settings for ${systemUri}: a single boot from virtual media can not be set there.`,
  )
}

/** What to PATCH, best first; target before enabled, as iLO 4 wants it (bmclib redfishwrapper). */
function onceBodies(rules: ControllerRules, boot: BootSettings, target: string) {
  const pair = { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: 'Once' }
  const mode = boot.BootSourceOverrideMode
  // Legacy is kept where the machine is set to it: a mode is never changed in passing.
  const triple = { ...pair, BootSourceOverrideMode: mode || 'UEFI' }
  return rules.fullBootTriple ? [triple] : [pair, triple]
}

/**
 * Disabled alone first, because iLO refuses the target None. sushy-tools 2.2.0 wants a target with it
 * and knows no None: the disk is what an override that is cleared would leave.
 */
function clearBodies(boot: BootSettings) {
  const off = { BootSourceOverrideEnabled: 'Disabled' }
  const allowed = boot['BootSourceOverrideTarget@Redfish.AllowableValues'] ?? ['None']
  const targets = ['None', 'Hdd'].filter((target) => allowed.includes(target))
  return [off, ...targets.map((target) => ({ BootSourceOverrideTarget: target, ...off }))]
}

export function createBoot(parts: BootParts) {
  const { client, note, options } = parts

  /** PATCHes, waiting for the end of the machine's self test where the controller asks for it. */
  async function write(place: Place, boot: Readonly<Record<string, string>>, signal: AbortSignal) {
    let last: Answer | undefined
    const plan = { pollMs: options.pollMs, limitMs: options.bootTimeoutMs, signal }
    const done = await waitFor(plan, async () => {
      const { etag } = last ? await findPlace(parts, signal) : place
      last = await patch(client, place.uri, etag, { body: { Boot: boot } }, signal)
      return !last.ok && saysNotDuringPost(last.messages) ? undefined : last
    })
    const answer = done ?? last
    if (!answer) throw new Error('a PATCH without an answer')
    const limitMs = options.bootTimeoutMs
    await awaitTask(client, answer, 'Boot override', { pollMs: options.pollMs, limitMs }, signal)
    return answer
  }

  const refused = (answer: Answer) =>
    generalFault(answer) ?? redfishFaults.boot(`${told(answer)}: the boot override is not set.`)

  /** A difference is only a warning: sushy-tools reads Continuous for Once, and boots. */
  async function readBack(wanted: Readonly<Record<string, string>>, signal: AbortSignal) {
    const { boot } = await findPlace(parts, signal)
    const differing = Object.entries(wanted).filter(
      ([name, value]) => boot[name as keyof BootSettings] !== value,
    )
    if (differing.length === 0) return
    const shown = differing.map(
      ([name]) => `${name} ${boot[name as keyof BootSettings] ?? 'nothing'}`,
    )
    note(
      'warn',
      `The BMC ${client.host} took the boot override but reads back ${shown.join(', ')} (asked: ${differing.map(([, value]) => value).join(', ')}).`,
    )
  }

  /** Writes the first body that is taken, and reads it back. Throws the last refusal. */
  async function writeFirst(
    place: Place,
    bodies: readonly Readonly<Record<string, string>>[],
    signal: AbortSignal,
  ): Promise<void> {
    let answer: Answer | undefined
    for (const body of bodies) {
      answer = await write(place, body, signal)
      if (answer.ok) return readBack(body, signal)
      if (answer.status !== 400) break
    }
    if (answer) throw refused(answer)
  }

  return {
    async once(target: string, signal: AbortSignal): Promise<void> {
      const place = await findPlace(parts, signal)
      const allowed = place.boot['BootSourceOverrideTarget@Redfish.AllowableValues']
      if (allowed && !allowed.includes(target))
        throw redfishFaults.boot(
          `The BMC ${client.host} does not boot from ${target}, only from ${allowed.join(', ')}.`,
        )
      await writeFirst(place, onceBodies(parts.rules, place.boot, target), signal)
    },
    async clear(signal: AbortSignal): Promise<void> {
      const place = await findPlace(parts, signal)
      const enabled = place.boot.BootSourceOverrideEnabled
      if (enabled === undefined || enabled === 'Disabled') return
      await writeFirst(place, clearBodies(place.boot), signal)
    },
  }
}
