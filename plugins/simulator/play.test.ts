// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ImageServer, serveImages } from '../../test/fake-bmc/image-server.ts'
import { jobDocument, writeBootImage, writeTaskImages } from '../../test/fake-bmc/machine-images.ts'
import { type ListenerRule, listenToMachines } from '../../test/fake-bmc/machine-listener.ts'
import { rawClient } from '../../test/fake-bmc/raw-client.ts'
import { type MachineSpec, type RunningMachine, startSimulator } from './index.ts'

/** How each personality is made to boot: drives of boot and task image, override target. */
const LAUNCH: Record<string, { boot: string; task: string; image: string; target: string }> = {
  'dell-r750': {
    boot: '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1',
    task: '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/2',
    image: 'task.iso',
    target: 'Cd',
  },
  'supermicro-x13': {
    boot: '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1',
    task: '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia2',
    image: 'task.iso',
    target: 'UsbCd',
  },
  'hpe-dl360': {
    boot: '/redfish/v1/Managers/1/VirtualMedia/2',
    task: '/redfish/v1/Managers/1/VirtualMedia/1',
    image: 'task.img',
    target: 'Cd',
  },
}

let folder: string
let images: ImageServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulator-play-'))
  await writeBootImage(folder)
  images = serveImages(folder)
})
afterAll(async () => {
  images[Symbol.dispose]()
  await rm(folder, { recursive: true })
})

/** Off, eject, insert both, override, on: what an appliance does, without one. */
async function launch(machine: RunningMachine, slots: readonly ('boot' | 'task')[]): Promise<void> {
  const send = rawClient(machine)
  const plan = LAUNCH[machine.personality]
  if (!plan) throw new Error(`no plan for ${machine.personality}`)
  const system =
    machine.personality === 'dell-r750'
      ? '/redfish/v1/Systems/System.Embedded.1'
      : '/redfish/v1/Systems/1'
  const must = async (method: string, path: string, body: unknown, headers = {}) => {
    const { status } = await send(method, path, { body, headers })
    if (status >= 300) throw new Error(`${method} ${path}: ${status}`)
  }
  await must('POST', `${system}/Actions/ComputerSystem.Reset`, { ResetType: 'ForceOff' })
  await machine.waitFor(({ power }) => power === 'Off')
  for (const slot of slots) {
    const [drive, name] = slot === 'boot' ? [plan.boot, 'boot.iso'] : [plan.task, plan.image]
    if (machine.state().drives.find(({ uri }) => uri === drive)?.occupied) {
      await must('POST', `${drive}/Actions/VirtualMedia.EjectMedia`, {})
    }
    await must('POST', `${drive}/Actions/VirtualMedia.InsertMedia`, { Image: images.url(name) })
    await machine.waitFor(({ drives }) => drives.some(({ uri, image }) => uri === drive && image))
  }
  const { headers } = await send('GET', `${system}/`)
  const Boot = { BootSourceOverrideTarget: plan.target, BootSourceOverrideEnabled: 'Once' }
  await must('PATCH', system, { Boot }, { 'if-match': headers.get('etag') ?? '*' })
  await must('POST', `${system}/Actions/ComputerSystem.Reset`, { ResetType: 'On' })
}

async function startPlay(spec: MachineSpec, rule?: ListenerRule, serials = ['S1']) {
  const listener = listenToMachines(rule)
  const simulator = await startSimulator({ machines: [{ serial: 'S1', ...spec }] })
  const [machine] = simulator.machines
  if (!machine) throw new Error('no machine')
  await writeTaskImages(folder, jobDocument({ serials, base_urls: [listener.url] }))
  const scope = new AsyncDisposableStack()
  scope.use(simulator)
  scope.use(listener)
  return { machine, listener, [Symbol.asyncDispose]: () => scope.disposeAsync() }
}

describe.each(Object.keys(LAUNCH))('%s', (personality) => {
  test('boots the media, claims, works, reports success and powers off', async () => {
    await using play = await startPlay({ personality })
    const { machine, listener } = play
    await launch(machine, ['boot', 'task'])
    const state = await machine.waitFor(
      ({ power, stage }) => power === 'Off' && stage === 'reported',
    )

    expect(listener.claims()).toHaveLength(1)
    expect(listener.claims()[0]).toMatchObject({
      path: '/api/v1/claim/3f0e8b52-6f0d-4c58-9a51-9d2f1f0b7c11',
      authorization: 'Bearer the-token-of-the-job',
      body: {
        serial: 'S1',
        target_disk: { path: '/dev/sda' },
        inventory: { memory_bytes: expect.any(Number) },
      },
    })
    const phases = new Set(listener.progress().map(({ body }) => body.phase))
    expect([...phases]).toEqual(['booting', 'checking', 'writing', 'finishing'])
    expect(listener.reports()).toHaveLength(1)
    expect(listener.reports()[0]?.body).toMatchObject({
      status: 'success',
      task_target: 'install-linux.target',
      delivery_id: expect.any(String),
    })
    expect(state.override.enabled).toBe('Disabled')
    expect(state.boots).toHaveLength(1)
    expect(state.boots[0]?.from).toBe(LAUNCH[personality]?.boot ?? '')
    expect(state.disk).toEqual({
      writtenBy: '3f0e8b52-6f0d-4c58-9a51-9d2f1f0b7c11',
      units: [
        'partition.service',
        'image-linux.service',
        'bootloader-linux.service',
        'config-drive.service',
      ],
      bootable: true,
    })
  })
})
