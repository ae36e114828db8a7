// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import type { PowerState } from '../../core/jobs/bmc.ts'
import { sleep } from '../../core/retry.ts'
import { type Answer, told } from './answer.ts'
import type { Client, Note } from './client.ts'
import type { RedfishOptions } from './config.ts'
import type { InfoReader } from './drives.ts'
import { redfishFaults } from './faults.ts'
import { generalFault } from './refusal.ts'
import { powerStateOf, reset } from './reset.ts'
import { ComputerSystem, parseResource } from './resources.ts'
import { awaitTask } from './task.ts'
import { waitFor } from './wait.ts'

export interface PowerParts {
  readonly client: Client
  readonly systemUri: string
  readonly info: InfoReader
  readonly note: Note
  readonly options: Pick<RedfishOptions, 'pollMs' | 'powerTimeoutMs'>
}

/** One change of power and the types of reset that bring it, best first. */
interface Change {
  readonly wanted: 'On' | 'Off'
  readonly types: readonly string[]
  /** The state already read leaves nothing to do; false for a restart. */
  readonly skips: boolean
}

const OFF: Change = { wanted: 'Off', types: ['ForceOff'], skips: true }
const ON: Change = { wanted: 'On', types: ['On', 'ForceOn'], skips: true }
const RESTART: Change = { wanted: 'On', types: ['ForceRestart', 'PowerCycle'], skips: false }

/** A 400 that is not about the state, and a connection that breaks each time, come back the same. */
const MOST_TRIES = 3

const read = async ({ client, systemUri }: PowerParts, signal: AbortSignal) =>
  parseResource(ComputerSystem, await client.get(systemUri, signal))

/** True as soon as it reads so; undefined when it does not within the limit. */
const reached = (parts: PowerParts, wanted: PowerState, limitMs: number, signal: AbortSignal) =>
  waitFor({ pollMs: parts.options.pollMs, limitMs, signal }, async () =>
    powerStateOf(await read(parts, signal)) === wanted ? true : undefined,
  )

/** May the same order be taken later? iDRAC 10 answers On with a passing 409 (ironic bug 2162995). */
function mayPass(answer: Answer, tries: number): boolean {
  const general = generalFault(answer)
  if (general) return general.kind.retry
  if (answer.status === 400) return tries < MOST_TRIES
  return answer.status === 409 || answer.status >= 500
}

const refused = (answer: Answer, wanted: string) =>
  generalFault(answer) ??
  redfishFaults.power(`${told(answer)}: the machine could not be powered ${wanted.toLowerCase()}.`)

/** Sends the order; undefined when its answer was lost. Whether it was carried out, the next look says. */
async function send(
  parts: PowerParts,
  system: ComputerSystem,
  { types, skips }: Change,
  tries: number,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  try {
    return await reset(parts, system, types, signal)
  } catch (error) {
    // A restart leaves no state behind that would say whether it was done: it is not sent blindly.
    const again = skips && tries < MOST_TRIES && error instanceof Fault && error.kind.retry
    if (!again) throw error
    parts.note('warn', `${error.message} Looking what became of it.`)
    return undefined
  }
}

/** The controller took the order: its word for the state is waited for. */
async function confirm(
  parts: PowerParts,
  order: Answer,
  wanted: PowerState,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { client, options } = parts
  await awaitTask(client, order, `Power ${wanted}`, { pollMs: options.pollMs, limitMs }, signal)
  if (await reached(parts, wanted, limitMs, signal)) return
  const state = powerStateOf(await read(parts, signal))
  throw redfishFaults.power(
    `The BMC ${client.host} took the order but still reads ${state} instead of ${wanted} after ${options.powerTimeoutMs / 1_000} s: look at the machine's console.`,
  )
}

/**
 * Looks, orders, and looks again, until the state is there or its time is over. A refusal may mean
 * that it is so already: the next look decides, not the answer.
 */
async function change(parts: PowerParts, what: Change, signal: AbortSignal): Promise<void> {
  const { options, note } = parts
  const { wanted } = what
  const end = performance.now() + options.powerTimeoutMs
  const left = () => Math.max(0, end - performance.now())
  for (let tries = 1; ; tries++) {
    const system = await read(parts, signal)
    if (what.skips && powerStateOf(system) === wanted) return
    const answer = await send(parts, system, what, tries, signal)
    if (answer?.ok) return confirm(parts, answer, wanted, left(), signal)
    if (answer) {
      if (!mayPass(answer, tries) || left() === 0) throw refused(answer, wanted)
      note('info', `${told(answer)}; trying again.`)
    }
    await sleep(options.pollMs, signal)
  }
}

/** Forced; returns when the controller reads Off, throws `redfish.power` when it does not in time. */
export const powerOff = (parts: PowerParts, signal: AbortSignal) => change(parts, OFF, signal)

/** Returns when the controller reads On. */
export const powerOn = (parts: PowerParts, signal: AbortSignal) => change(parts, ON, signal)

/** Forced restart of a machine that is On; one that is off is powered on. */
export async function restart(parts: PowerParts, signal: AbortSignal): Promise<void> {
  const isOn = powerStateOf(await read(parts, signal)) === 'On'
  return change(parts, isOn ? RESTART : ON, signal)
}
