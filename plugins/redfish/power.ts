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

/** Power of one system; every verb returns when the controller reads the state that was asked for. */
export interface Power {
  off(signal: AbortSignal): Promise<void>
  on(signal: AbortSignal): Promise<void>
  restart(signal: AbortSignal): Promise<void>
}

/** A 400 that is not about the state, and a connection that breaks each time, come back the same. */
const MOST_TRIES = 3

const STATES: readonly PowerState[] = ['On', 'Off', 'PoweringOn', 'PoweringOff']

export const powerStateOf = (system: ComputerSystem): PowerState =>
  STATES.find((state) => state === system.PowerState) ?? 'Unknown'

/** What the Reset action takes; undefined when the controller does not say. Both lists count: either may be broken. */
export async function resetTypesOf(
  system: ComputerSystem,
  info: InfoReader,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const reset = system.Actions?.['#ComputerSystem.Reset']
  const infoUri = reset?.['@Redfish.ActionInfo']
  const parameters = infoUri ? (await info(infoUri, signal)).Parameters : []
  const types = [
    ...(reset?.['ResetType@Redfish.AllowableValues'] ?? []),
    ...(parameters.find(({ Name }) => Name === 'ResetType')?.AllowableValues ?? []),
  ]
  return types.length > 0 ? types : undefined
}

export function createPower(parts: PowerParts): Power {
  const { client, systemUri, options, note } = parts
  const read = async (signal: AbortSignal) =>
    parseResource(ComputerSystem, await client.get(systemUri, signal))
  const state = async (signal: AbortSignal) => powerStateOf(await read(signal))

  const reached = (wanted: PowerState, limitMs: number, signal: AbortSignal) =>
    waitFor({ pollMs: options.pollMs, limitMs, signal }, async () =>
      (await state(signal)) === wanted ? true : undefined,
    )

  /** Throws when the controller lists none of them; never a graceful one, which may never end. */
  async function reset(system: ComputerSystem, types: readonly string[], signal: AbortSignal) {
    const target = system.Actions?.['#ComputerSystem.Reset']?.target
    const allowed = await resetTypesOf(system, parts.info, signal)
    const type = allowed ? types.find((one) => allowed.includes(one)) : types[0]
    if (!target || !type)
      throw redfishFaults.power(
        `The BMC ${client.host} offers no reset of type ${types.join(' or ')}${allowed ? `, only ${allowed.join(', ')}` : ''}.`,
      )
    return client.send('POST', target, signal, { body: { ResetType: type } })
  }

  /** May the same order be taken later? iDRAC 10 answers On with a passing 409 (ironic bug 2162995). */
  const mayPass = (answer: Answer, tries: number) =>
    answer.status === 409 || answer.status >= 500 || (answer.status === 400 && tries < MOST_TRIES)

  /** Whether an order without an answer was carried out, the next look at the state says. */
  function lost(error: unknown, tries: number): undefined {
    if (tries === MOST_TRIES || !(error instanceof Fault) || !error.kind.retry) throw error
    note('warn', `${error.message} Looking what became of it.`)
  }

  async function change(wanted: 'On' | 'Off', types: readonly string[], signal: AbortSignal) {
    const end = performance.now() + options.powerTimeoutMs
    const left = () => Math.max(0, end - performance.now())
    for (let tries = 1; ; tries++) {
      const system = await read(signal)
      if (powerStateOf(system) === wanted) return
      const answer = await reset(system, types, signal).catch((error) => lost(error, tries))
      if (!answer) {
        await sleep(options.pollMs, signal)
        continue
      }
      if (answer.ok) {
        await awaitTask(
          client,
          answer,
          `Power ${wanted}`,
          { pollMs: options.pollMs, limitMs: left() },
          signal,
        )
        return confirm(wanted, left(), signal)
      }
      // Already so, or on its way there: the state decides, not the answer.
      if (await reached(wanted, Math.min(options.pollMs, left()), signal)) return
      const fault = generalFault(answer)
      if (fault ? !fault.kind.retry : !mayPass(answer, tries)) throw failed(answer, wanted)
      if (left() === 0) throw failed(answer, wanted)
      note('info', `${told(answer)}; trying again.`)
      await sleep(options.pollMs, signal)
    }
  }

  const failed = (answer: Answer, wanted: string) =>
    generalFault(answer) ??
    redfishFaults.power(
      `${told(answer)}: the machine could not be powered ${wanted.toLowerCase()}.`,
    )

  async function confirm(wanted: PowerState, limitMs: number, signal: AbortSignal) {
    if (await reached(wanted, limitMs, signal)) return
    throw redfishFaults.power(
      `The BMC ${client.host} took the order but still reads ${await state(signal)} instead of ${wanted} after ${options.powerTimeoutMs / 1_000} s: look at the machine's console.`,
    )
  }

  return {
    off: (signal) => change('Off', ['ForceOff'], signal),
    on: (signal) => change('On', ['On', 'ForceOn'], signal),
    async restart(signal) {
      const limitMs = options.powerTimeoutMs
      for (let tries = 1; ; tries++) {
        const system = await read(signal)
        if (powerStateOf(system) !== 'On') return change('On', ['On', 'ForceOn'], signal)
        const answer = await reset(system, ['ForceRestart', 'PowerCycle'], signal)
        if (answer.ok) {
          await awaitTask(client, answer, 'Restart', { pollMs: options.pollMs, limitMs }, signal)
          return confirm('On', limitMs, signal)
        }
        // Refused is not begun: it may be sent again.
        if (tries === MOST_TRIES || !mayPass(answer, tries)) throw failed(answer, 'on')
        await sleep(options.pollMs, signal)
      }
    },
  }
}
