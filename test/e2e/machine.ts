// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFile, mkdir, open, rm } from 'node:fs/promises'
import type { Subprocess } from 'bun'
import { sleep } from '../../core/retry.ts'
import { SECOND } from '../../core/units.ts'
import type {
  Hardware,
  HardwareBoot,
  HardwareDrive,
  HardwareParts,
} from '../../plugins/simulator/index.ts'
import { openMedium } from './medium.ts'
import {
  type BootExtras,
  controlSocket,
  diskFile,
  factoryVars,
  isStick,
  type MachineSpec,
  machineCommand,
  mediumSocket,
  NIC,
  OPTICAL_PLACES,
  varsFile,
} from './qemu.ts'
import { Qmp, type QmpEvent } from './qmp.ts'

/** QEMU says what is wrong with its arguments, or listens, well within this. */
const START_MS = 20 * SECOND
/** How long `quit` may take before the process is killed. */
const QUIT_MS = 5 * SECOND

/** What a machine is made of, once it knows its controller. */
export type RealMachineSpec = Omit<MachineSpec, 'serial' | 'uuid'>

/** QEMU behind a controller: a process from power on to power off, its drives read over HTTP. */
export class RealMachine implements Hardware {
  /** From the next boot on. */
  extras: BootExtras = { credentials: {} }
  readonly #spec: MachineSpec
  readonly #parts: HardwareParts
  #drives: readonly HardwareDrive[] = []
  #run: Run | undefined

  constructor(spec: RealMachineSpec, parts: HardwareParts) {
    this.#spec = { ...spec, serial: parts.serial, uuid: parts.uuid }
    this.#parts = parts
  }

  /** Folder, empty disk, variables of the firmware as they come from the factory. */
  static async prepare(spec: RealMachineSpec): Promise<void> {
    const { folder, diskBytes } = spec
    await mkdir(folder, { recursive: true })
    await using disk = await open(diskFile(folder), 'w')
    await disk.truncate(diskBytes)
    const vars = factoryVars({ ...spec, serial: '', uuid: '' })
    if (vars !== undefined) await copyFile(vars, varsFile(folder))
  }

  hold(drives: readonly HardwareDrive[]): void {
    this.#drives = drives.map(({ uri, id, mediaTypes, image }) => ({ uri, id, mediaTypes, image }))
    this.#run?.hold(this.#drives)
  }

  pressButton(): void {
    this.#run?.pressButton()
  }

  /** Pulls the network cable, or puts it back. Rejects when the machine is off. */
  async setLink(up: boolean): Promise<void> {
    if (!this.#run) throw new Error('the machine is off')
    await this.#run.setLink(up)
  }

  async run(boot: HardwareBoot, signal: AbortSignal): Promise<'off' | 'reset'> {
    signal.throwIfAborted()
    const run = new Run({ ...this.#spec, ...this.extras }, this.#parts, this.#drives, boot)
    this.#run = run
    const cut = () => run.cut()
    signal.addEventListener('abort', cut)
    try {
      return await run.toItsEnd()
    } finally {
      signal.removeEventListener('abort', cut)
      this.#run = undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#run?.cut()
  }
}

/** What is in a drive, and where that is in the machine. */
interface Held {
  readonly place: number
  readonly image: string
  readonly medium: AsyncDisposable
}

/** Sticks are plugged in when they come; their places only number them. */
const STICK_PLACES = [2, 3]

/** One process of QEMU. */
class Run {
  readonly #spec: MachineSpec & BootExtras
  readonly #parts: HardwareParts
  readonly #boot: HardwareBoot
  readonly #scope = new AsyncDisposableStack()
  readonly #cutting = new AbortController()
  readonly #reset = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<'off' | 'reset'>()
  /** By the drive's URI. */
  readonly #media = new Map<string, Held>()
  #drives: readonly HardwareDrive[]
  #qmp: Qmp | undefined
  /** Changes of media, one after the other. */
  #changes: Promise<void> = Promise.resolve()

  constructor(
    spec: MachineSpec & BootExtras,
    parts: HardwareParts,
    drives: readonly HardwareDrive[],
    boot: HardwareBoot,
  ) {
    this.#spec = spec
    this.#parts = parts
    this.#drives = drives
    this.#boot = boot
  }

  async toItsEnd(): Promise<'off' | 'reset'> {
    await using scope = this.#scope
    const child = await this.#start(scope)
    void child.exited.then(() => this.#ended.resolve('off'))
    scope.defer(() => this.#stopMedia())
    this.hold(this.#drives)
    await this.#changes
    if (!this.#cutting.signal.aborted) await this.#powerOn()
    // Where nothing is ordered, or the drive is empty, the firmware goes to the disk.
    if (!this.#boot.first.some((uri) => this.#media.has(uri))) this.#boot.wentOn('disk')
    return await this.#ended.promise
  }

  /** The firmware is told of the order of boot at a reset only. */
  async #powerOn(): Promise<void> {
    await this.#qmp?.run('system_reset')
    await this.#reset.promise
    // From here on every end of the guest, its own resets too, stops the machine and is told.
    await this.#qmp?.run('set-action', { reboot: 'shutdown', shutdown: 'pause' })
    await this.#qmp?.run('cont')
  }

  /** As a real board: from one moment to the next. */
  cut(): void {
    this.#cutting.abort()
    this.#reset.resolve()
    this.#ended.resolve('off')
  }

  pressButton(): void {
    this.#qmp?.run('system_powerdown').catch((error: unknown) => this.#say('button', error))
  }

  async setLink(up: boolean): Promise<void> {
    await this.#qmp?.run('set_link', { name: NIC, up })
  }

  hold(drives: readonly HardwareDrive[]): void {
    this.#drives = drives
    if (!this.#qmp) return
    this.#changes = this.#changes.then(() => this.#change(drives))
  }

  async #start(scope: AsyncDisposableStack): Promise<Subprocess> {
    const { folder } = this.#spec
    await rm(controlSocket(folder), { force: true })
    const command = machineCommand(this.#spec, this.#spec)
    const child = Bun.spawn([...command], { stdio: ['ignore', 'ignore', 'pipe'] })
    scope.defer(() => this.#quit(child))
    const errors = child.stderr.text()
    const deadline = performance.now() + START_MS
    for (;;) {
      if (child.exitCode !== null) throw new Error(`QEMU did not start: ${(await errors).trim()}`)
      const qmp = await Qmp.open(controlSocket(folder), (event) => this.#hear(event)).catch(
        () => undefined,
      )
      if (qmp) {
        this.#qmp = qmp
        return child
      }
      if (performance.now() > deadline) throw new Error('QEMU does not listen')
      await sleep(20)
    }
  }

  /** No process is left, and what it held of the folder is free. */
  async #quit(child: Subprocess): Promise<void> {
    const killed = setTimeout(() => child.kill('SIGKILL'), QUIT_MS)
    // It may be gone already, or answer by closing.
    await this.#qmp?.run('quit').catch(() => undefined)
    if (!this.#qmp) child.kill('SIGKILL')
    await child.exited
    clearTimeout(killed)
    this.#qmp?.close()
    this.#qmp = undefined
  }

  async #stopMedia(): Promise<void> {
    await this.#changes
    for (const { medium } of this.#media.values()) await medium[Symbol.asyncDispose]()
  }

  #hear({ event, data }: QmpEvent): void {
    if (event === 'RESET') this.#reset.resolve()
    if (event !== 'SHUTDOWN') return
    const reason = String(data['reason'])
    if (reason === 'guest-reset') this.#ended.resolve('reset')
    else if (reason !== 'host-qmp-quit') this.#ended.resolve('off')
    this.#parts.tell('end', reason)
  }

  async #change(drives: readonly HardwareDrive[]): Promise<void> {
    for (const drive of drives) {
      const held = this.#media.get(drive.uri)
      if (held?.image === drive.image) continue
      try {
        if (held) await this.#eject(drive, held)
        if (drive.image !== undefined) await this.#insert(drive, drive.image)
      } catch (error) {
        this.#say(`drive ${drive.id}`, error)
      }
    }
  }

  async #insert(drive: HardwareDrive, image: string): Promise<void> {
    const taken = new Set([...this.#media.values()].map(({ place }) => place))
    const places = isStick(drive) ? STICK_PLACES : OPTICAL_PLACES
    const place = places.find((each) => !taken.has(each))
    if (place === undefined) throw new Error('the machine has no more drives')
    const socket = mediumSocket(this.#spec.folder, place)
    const source = await this.#parts.open(image, this.#cutting.signal)
    const order = this.#boot.first.indexOf(drive.uri)
    const touched = () => {
      if (order >= 0) this.#boot.wentOn(drive.uri)
    }
    const { tell } = this.#parts
    const medium = await openMedium(source, socket, { touched, tell })
    this.#media.set(drive.uri, { place, image, medium })
    const bootindex = order < 0 ? -1 : order + 1
    if (isStick(drive)) return await this.#plug(place, socket, bootindex)
    await this.#qmp?.run('blockdev-change-medium', {
      ...{ id: `drive-${place}`, filename: `nbd+unix:///?socket=${socket}` },
      ...{ format: 'raw', 'read-only-mode': 'read-only' },
    })
    await this.#setBootIndex(place, bootindex)
  }

  async #plug(place: number, socket: string, bootindex: number): Promise<void> {
    const server = { type: 'unix', path: socket }
    await this.#qmp?.run('blockdev-add', {
      ...{ driver: 'raw', 'node-name': `medium-${place}`, 'read-only': true },
      file: { driver: 'nbd', server, 'read-only': true },
    })
    await this.#qmp?.run('device_add', {
      ...{ driver: 'usb-storage', id: `drive-${place}`, drive: `medium-${place}` },
      ...{ bus: 'xhci.0', removable: true, bootindex },
    })
  }

  /** QEMU refuses an index that is taken already; -1 is none. */
  async #setBootIndex(place: number, value: number): Promise<void> {
    const path = `/machine/peripheral/drive-${place}`
    await this.#qmp?.run('qom-set', { path, property: 'bootindex', value })
  }

  async #eject(drive: HardwareDrive, { place, medium }: Held): Promise<void> {
    this.#media.delete(drive.uri)
    if (isStick(drive)) await this.#qmp?.run('device_del', { id: `drive-${place}` })
    else {
      await this.#qmp?.run('eject', { id: `drive-${place}`, force: true })
      await this.#setBootIndex(place, -1)
    }
    await medium[Symbol.asyncDispose]()
  }

  #say(what: string, error: unknown): void {
    if (!this.#cutting.signal.aborted) this.#parts.tell(what, String(error))
  }
}
