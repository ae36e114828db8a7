// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerRules } from '../../core/jobs/controller.ts'
import { type Answer, told } from './answer.ts'
import type { Client, Note } from './client.ts'
import type { RedfishOptions } from './config.ts'
import { redfishFaults } from './faults.ts'
import { saysNotDuringPost } from './messages.ts'
import type { OemParts } from './oem.ts'
import {
  type BootBody,
  type BootSettings,
  clearBodies,
  findPlace,
  onceBodies,
  type Place,
  targetsOf,
} from './override.ts'
import { patch } from './patch.ts'
import { generalFault } from './refusal.ts'
import { awaitTask } from './task.ts'
import { waitFor } from './wait.ts'

export interface BootParts {
  readonly client: Client
  readonly systemUri: string
  readonly rules: ControllerRules
  readonly oem: OemParts
  readonly note: Note
  readonly options: Pick<RedfishOptions, 'pollMs' | 'bootTimeoutMs'>
}

const place = ({ client, systemUri }: BootParts, signal: AbortSignal) =>
  findPlace(client, systemUri, signal)

/** PATCHes, waiting for the end of the machine's self test where the controller asks for it. */
async function write(
  parts: BootParts,
  at: Place,
  body: BootBody,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  const { client, options } = parts
  const plan = { pollMs: options.pollMs, limitMs: options.bootTimeoutMs }
  const target = {
    uri: at.uri,
    etag: at.etag,
    fresh: async () => (await place(parts, signal)).etag,
  }
  let last: Answer | undefined
  await waitFor({ ...plan, signal }, async () => {
    last = await patch(client, target, { body: { Boot: body } }, signal)
    return !last.ok && saysNotDuringPost(last.messages) ? undefined : true
  })
  if (last?.ok) await awaitTask(client, last, 'Boot override', plan, signal)
  return last
}

/** A difference is only a warning: sushy-tools reads Continuous for Once, and boots. */
async function readBack(parts: BootParts, wanted: BootBody, signal: AbortSignal): Promise<void> {
  const { boot } = await place(parts, signal)
  const shown = (name: string) => boot[name as keyof BootSettings] ?? 'nothing'
  const differing = Object.entries(wanted).filter(([name, value]) => shown(name) !== value)
  if (differing.length === 0) return
  const found = differing.map(([name]) => `${name} ${shown(name)}`).join(', ')
  const asked = differing.map(([, value]) => value).join(', ')
  parts.note(
    'warn',
    `The BMC ${parts.client.host} took the boot override but reads back ${found} (asked: ${asked}).`,
  )
}

/** Writes the first body that is taken, and reads it back. Throws the last refusal. */
async function writeFirst(
  parts: BootParts,
  at: Place,
  bodies: readonly BootBody[],
  signal: AbortSignal,
): Promise<void> {
  let answer: Answer | undefined
  for (const body of bodies) {
    answer = await write(parts, at, body, signal)
    if (answer?.ok) return readBack(parts, body, signal)
    // Anything but "your request is wrong" would be said of the other bodies too.
    if (answer?.status !== 400) break
  }
  if (!answer) return
  throw (
    generalFault(answer) ??
    redfishFaults.boot(
      `${told(answer)}: the boot override is not set. Look whether the machine stays in its self test, or its settings are locked.`,
    )
  )
}

/** Throws `redfish.boot` when the controller does not allow or take it. */
async function overrideByStandard(
  parts: BootParts,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const at = await place(parts, signal)
  const allowed = targetsOf(at.boot)
  if (allowed && !allowed.includes(target))
    throw redfishFaults.boot(
      `The BMC ${parts.client.host} does not boot from ${target}, only from ${allowed.join(', ')}.`,
    )
  await writeFirst(parts, at, onceBodies(parts.rules, at.boot, target), signal)
}

/** The next boot goes to `target`. */
export async function overrideBootOnce(
  parts: BootParts,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const standard = () => overrideByStandard(parts, target, signal)
  const { bootOnce = standard } = parts.oem.actions
  await bootOnce({ oem: parts.oem.open(signal), target, standard })
}

/** Sends nothing when it reads Disabled, as it does after a boot that used it up. */
async function clearByStandard(parts: BootParts, signal: AbortSignal): Promise<void> {
  const at = await place(parts, signal)
  const enabled = at.boot.BootSourceOverrideEnabled
  if (enabled === undefined || enabled === 'Disabled') return
  await writeFirst(parts, at, clearBodies(at.boot), signal)
}

/** The next boot goes where the machine's own settings say. */
export async function clearBootOverride(parts: BootParts, signal: AbortSignal): Promise<void> {
  const standard = () => clearByStandard(parts, signal)
  const { clearBoot = standard } = parts.oem.actions
  await clearBoot({ oem: parts.oem.open(signal), standard })
}
