// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep } from '../../core/retry.ts'
import {
  type MachineSpec as ControllerSpec,
  type RunningMachine,
  startSimulator,
} from '../../plugins/simulator/index.ts'
import type { JobView } from '../../schemas/job.ts'
import { freePorts } from '../binary/executable.ts'
import { Appliance } from './appliance.ts'
import { RealMachine } from './machine.ts'
import { DISK_SERIAL, type DriveBus, diskFile, type FirmwareKind, NIC, serialFile } from './qemu.ts'

const GiB = 2 ** 30
/** Of the image that every job of a stage installs. */
const IMAGE = 'os-images/debian:13'
const ROOTFS = 'application/vnd.slipway.rootfs.tar+zstd'
/** Longer than any job takes on slow hosts; what hangs is to be seen, not waited for. */
const JOB_MS = 600_000
const POLL_MS = 100

/** What was to come did not come, with the last that was seen. */
export class StageFailure extends Error {}

/** What a stage is made from. */
export interface StageOptions {
  readonly executable: string
  /** Folder with QEMU, ISO and root file system: `artifacts.ts`. */
  readonly qemu: string
  readonly iso: string
  readonly node: string
  /** All that is made lies in it; the caller removes it. */
  readonly folder: string
  /** Of the simulator: what the controller is, and so the media plan. Default a Dell with two drives. */
  readonly personality?: string
  readonly manners?: ControllerSpec['manners']
  readonly firmware?: FirmwareKind
  readonly bus?: DriveBus
  readonly memoryMiB?: number
  readonly diskBytes?: number
  /** Values of `-nic` in place of a network of QEMU's own, with DHCP. */
  readonly nics?: readonly string[]
  /** What stands before QEMU in its command. */
  readonly before?: readonly string[]
  /** What happens at controller and machine, for people. */
  readonly tell?: (line: string) => void
}

/** An appliance, a controller and the real machine behind it. */
export interface Stage extends AsyncDisposable {
  readonly appliance: Appliance
  readonly controller: RunningMachine
  readonly machine: RealMachine
  readonly firmware: FirmwareKind
  /** Host port that leads to the machine's SSH, where the network is QEMU's own. */
  readonly sshPort: number
  readonly diskFile: string
  readonly serialFile: string
  /** Gives the job's id. */
  submit(recipe: Readonly<Record<string, unknown>>): Promise<string>
  /** Looks at the job again and again; an appliance that is just away is waited for. */
  until(
    id: string,
    holds: (job: JobView) => boolean,
    seen?: (job: JobView) => void | Promise<void>,
  ): Promise<JobView>
}

/** Starts all of it, with maintenance ISO and image in the appliance. Disposing leaves nothing running. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { executable, iso, node, folder, firmware = 'ovmf' } = options
  await using scope = new AsyncDisposableStack()
  const appliance = scope.use(await Appliance.start(executable, folder))
  const [sshPort = 0] = await freePorts(1)
  const spec = {
    ...{ qemu: options.qemu, folder: join(folder, 'machine'), firmware },
    ...{ bus: options.bus ?? 'sata', memoryMiB: options.memoryMiB ?? 2_048 },
    diskBytes: options.diskBytes ?? 3 * GiB,
    nics: options.nics ?? [
      `user,id=${NIC},model=virtio-net-pci,hostfwd=tcp:127.0.0.1:${sshPort}-:22`,
    ],
    ...(options.before && { before: options.before }),
  }
  await mkdir(spec.folder, { recursive: true })
  await RealMachine.prepare(spec)
  let machine: RealMachine | undefined
  const simulator = scope.use(
    await startSimulator({
      machines: [
        {
          personality: options.personality ?? 'dell-r750',
          serial: 'E2E0001',
          hardware: (parts) => (machine = new RealMachine(spec, parts)),
          ...(options.manners && { manners: options.manners }),
        },
      ],
      tell: ({ what, detail }) => options.tell?.(`${what}: ${detail}`),
    }),
  )
  const [controller] = simulator.machines
  if (!controller || !machine) throw new StageFailure('the simulator started no controller')
  await makeKnown(appliance, controller, folder)
  await appliance.command('maintenance', 'import', iso)
  await appliance.command('oci', 'push', node, IMAGE, '--media-type', ROOTFS)
  const open = scope.move()
  return {
    ...{ appliance, controller, machine, firmware, sshPort },
    diskFile: diskFile(spec.folder),
    serialFile: serialFile(spec.folder),
    async submit(recipe) {
      const file = join(folder, 'job.json')
      await Bun.write(file, JSON.stringify({ server_serial: controller.serial, recipe }))
      const { job_id } = JSON.parse(await appliance.command('job', 'create', '-f', file, '--json'))
      return String(job_id)
    },
    until: (id, holds, seen) => untilJob(appliance, id, holds, seen),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

async function makeKnown(
  appliance: Appliance,
  { serial, bmcUrl, username, password }: RunningMachine,
  folder: string,
): Promise<void> {
  const file = join(folder, 'machines.json')
  const machines = [{ serial, bmc_url: bmcUrl, username, password }]
  await Bun.write(file, JSON.stringify({ machines }))
  await appliance.command('machine', 'import', file, '--format', 'json')
}

async function untilJob(
  appliance: Appliance,
  id: string,
  holds: (job: JobView) => boolean,
  seen?: (job: JobView) => void | Promise<void>,
): Promise<JobView> {
  const deadline = performance.now() + JOB_MS
  let last: JobView | undefined
  for (;;) {
    const job = await appliance.job(id).catch(() => undefined)
    if (job) {
      last = job
      await seen?.(job)
      if (holds(job)) return job
    }
    if (appliance.died) throw new StageFailure('the appliance ended by itself: see its log')
    if (performance.now() > deadline) {
      throw new StageFailure(`job ${id} did not get there: ${JSON.stringify(last, null, 1)}`)
    }
    await sleep(POLL_MS)
  }
}

/** Partitions by what the machine's firmware can start. */
const layouts = {
  efi: [
    { size: '128MiB', type_guid: 'ef00', format: 'vfat', mountpoint: '/boot/efi' },
    { size: '100%', type_guid: '8300', format: 'ext4', label: 'root', mountpoint: '/' },
  ],
  bios: [
    { size: '1MiB', type_guid: 'ef02' },
    { size: '100%', type_guid: '8300', format: 'ext4', label: 'root', mountpoint: '/' },
  ],
} as const

/** Partitions as the machine's firmware wants them, the root as large as is said. */
export const layoutFor = (firmware: FirmwareKind, rootSize = '100%') => {
  const layout = layouts[firmware === 'seabios' ? 'bios' : 'efi']
  return layout.map((each) => ('label' in each ? { ...each, size: rootSize } : each))
}

/** A Debian with this name, which lets root in by this key. */
export function linuxRecipe(firmware: FirmwareKind, hostname: string, publicKey: string) {
  return {
    task_target: 'install-linux.target',
    target_disk: { serial: DISK_SERIAL },
    oci_url: IMAGE,
    partition_layout: layoutFor(firmware),
    user_data: [
      '#cloud-config',
      `hostname: ${hostname}`,
      'disable_root: false',
      'ssh_authorized_keys:',
      `  - ${publicKey}`,
      '',
    ].join('\n'),
  }
}
