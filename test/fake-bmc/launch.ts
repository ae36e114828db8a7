// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunningMachine } from '../../plugins/simulator/index.ts'
import { rawClient } from './raw-client.ts'

/** What an appliance would do with a personality: where the images go, what boots. */
export interface LaunchPlan {
  readonly system: string
  readonly boot: string
  readonly task: string
  /** Name of the task image: a USB drive wants `.img`. */
  readonly taskImage: string
  readonly target: string
}

/** By personality; written down here, so that a test does not believe our own planner. */
export const launchPlans: Readonly<Record<string, LaunchPlan>> = {
  'dell-r750': {
    system: '/redfish/v1/Systems/System.Embedded.1',
    boot: '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1',
    task: '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/2',
    taskImage: 'task.iso',
    target: 'Cd',
  },
  'supermicro-x13': {
    system: '/redfish/v1/Systems/1',
    boot: '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1',
    task: '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia2',
    taskImage: 'task.iso',
    target: 'UsbCd',
  },
  'hpe-dl360': {
    system: '/redfish/v1/Systems/1',
    boot: '/redfish/v1/Managers/1/VirtualMedia/2',
    task: '/redfish/v1/Managers/1/VirtualMedia/1',
    taskImage: 'task.img',
    target: 'Cd',
  },
}

/** Throws for a personality without a plan. */
export function launchPlanOf({ personality }: RunningMachine): LaunchPlan {
  const plan = launchPlans[personality]
  if (!plan) throw new Error(`no launch plan for ${personality}`)
  return plan
}

/** Speaks to a controller and throws on what is not 2xx. */
function strictClient(machine: RunningMachine) {
  const send = rawClient(machine)
  return async (method: string, path: string, body?: unknown, headers = {}) => {
    const reply = await send(method, path, { body, headers })
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status}`)
    return reply
  }
}

/** Forced; returns when the machine is off. */
export async function powerOff(machine: RunningMachine): Promise<void> {
  const { system } = launchPlanOf(machine)
  const ResetType = 'ForceOff'
  await strictClient(machine)('POST', `${system}/Actions/ComputerSystem.Reset`, { ResetType })
  await machine.waitFor(({ power }) => power === 'Off')
}

/** Returns when the controller has taken the order. */
export async function powerOn(machine: RunningMachine): Promise<void> {
  const { system } = launchPlanOf(machine)
  const ResetType = 'On'
  await strictClient(machine)('POST', `${system}/Actions/ComputerSystem.Reset`, { ResetType })
}

/** Ejects what is in the drive, and inserts; returns when the image is in. */
export async function insert(machine: RunningMachine, uri: string, Image: string): Promise<void> {
  const must = strictClient(machine)
  if (machine.state().drives.some((drive) => drive.uri === uri && drive.occupied)) {
    await must('POST', `${uri}/Actions/VirtualMedia.EjectMedia`, {})
  }
  await must('POST', `${uri}/Actions/VirtualMedia.InsertMedia`, { Image })
  await machine.waitFor(({ drives }) =>
    drives.some((drive) => drive.uri === uri && drive.image === Image),
  )
}

/** Target before enabled, and with the ETag, as the pickiest want it. */
export async function overrideOnce(machine: RunningMachine, target: string): Promise<void> {
  const must = strictClient(machine)
  const { system } = launchPlanOf(machine)
  const { headers } = await must('GET', `${system}/`)
  const Boot = { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: 'Once' }
  await must('PATCH', system, { Boot }, { 'if-match': headers.get('etag') ?? '*' })
}

/** Off, insert what is named, override once, on. */
export async function launch(
  machine: RunningMachine,
  imageUrls: { readonly boot?: string; readonly task?: string },
): Promise<void> {
  const plan = launchPlanOf(machine)
  await powerOff(machine)
  if (imageUrls.boot !== undefined) await insert(machine, plan.boot, imageUrls.boot)
  if (imageUrls.task !== undefined) await insert(machine, plan.task, imageUrls.task)
  await overrideOnce(machine, plan.target)
  await powerOn(machine)
}
