// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type MachineSpec,
  type RunningMachine,
  type SimulatorEvent,
  type SimulatorOptions,
  startSimulator,
} from '../../plugins/simulator/index.ts'
import type { JobDocument } from '../../schemas/job-document.ts'
import { type ImageServer, serveImages } from './image-server.ts'
import { launch, launchPlanOf } from './launch.ts'
import { jobDocument, writeBootImage, writeTaskImages } from './machine-images.ts'
import { type ListenerRule, listenToMachines, type MachineListener } from './machine-listener.ts'

/** What a play may be told to do otherwise. */
export interface StageOptions {
  readonly spec?: Partial<MachineSpec>
  readonly simulator?: Partial<SimulatorOptions>
  /** What the appliance answers the machine. */
  readonly rule?: ListenerRule
  /** Key and certificate of the appliance. */
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly job?: (appliance: MachineListener) => Partial<JobDocument>
  readonly recipe?: Readonly<Record<string, unknown>>
}

/** One simulated machine with images to boot and an appliance that listens to it. */
export interface Stage extends AsyncDisposable {
  readonly machine: RunningMachine
  readonly appliance: MachineListener
  readonly images: ImageServer
  /** Where the images lie. */
  readonly folder: string
  readonly events: readonly SimulatorEvent[]
  /** Resolves when the machine tells this. */
  told(what: string): Promise<void>
  /** Both images in, override once, on. */
  launch(): Promise<void>
}

/** Its machine is `S1`, a Dell unless told otherwise. */
export async function setStage(options: StageOptions = {}): Promise<Stage> {
  await using scope = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-simulator-'))
  scope.defer(() => rm(folder, { recursive: true }))
  const images = scope.use(serveImages(folder))
  const appliance = scope.use(listenToMachines(options.rule, options.tls))
  const events: SimulatorEvent[] = []
  const awaited = new Map<string, PromiseWithResolvers<void>>()
  const promised = (what: string) =>
    awaited.getOrInsertComputed(what, () => Promise.withResolvers<void>())
  const simulator = scope.use(
    await startSimulator({
      machines: [{ personality: 'dell-r750', serial: 'S1', ...options.spec }],
      tell: (event) => {
        events.push(event)
        promised(event.what).resolve()
      },
      ...options.simulator,
    }),
  )
  const [machine] = simulator.machines
  if (!machine) throw new Error('the simulator has no machine')
  const job = { serials: ['S1'], base_urls: [appliance.url], ...options.job?.(appliance) }
  await writeBootImage(folder)
  await writeTaskImages(folder, jobDocument(job), options.recipe)
  const open = scope.move()
  return {
    machine,
    appliance,
    images,
    folder,
    events,
    told: (what) => promised(what).promise,
    launch: () => {
      const task = images.url(launchPlanOf(machine).taskImage)
      return launch(machine, { boot: images.url('boot.iso'), task })
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}
