// SPDX-License-Identifier: AGPL-3.0-or-later
import { sentence } from '../../core/faults.ts'
import { Controller } from './controller.ts'
import { Disk, type DiskState } from './disk.ts'
import { type Drive, drivesOf } from './drive.ts'
import type { Embodiment } from './embody.ts'
import { Exchanges } from './exchanges.ts'
import { type Boot, Firmware } from './firmware.ts'
import { type Hardware, type HardwareParts, runHardware } from './hardware.ts'
import { type ImageRead, ImageReader } from './image-reader.ts'
import { Life } from './life.ts'
import type { Stage } from './maintenance-os.ts'
import type { Manners } from './manners.ts'
import { capturedOverride, type Override } from './override.ts'
import type { Pace } from './pace.ts'
import { type Power, PowerSwitch } from './power.ts'
import { keep } from './record.ts'
import { Refusal } from './refusal.ts'
import type { MachineScript } from './scripts.ts'
import { Sessions } from './sessions.ts'
import { Tasks } from './tasks.ts'
import { Watch } from './watch.ts'

/** What a test or a person sees of a simulated machine. */
export interface MachineState {
  readonly power: Power
  readonly inPost: boolean
  readonly drives: readonly Pick<Drive, 'uri' | 'id' | 'occupied' | 'image'>[]
  readonly override: Override
  /** Where an OEM order sends the next boot. */
  readonly bootNext: string | undefined
  /** Sessions open at the controller. */
  readonly sessions: number
  readonly tasks: readonly { readonly id: string; readonly state: string }[]
  readonly boots: readonly Boot[]
  /** A drive's URI, `disk` or `nothing`; undefined while the machine is off or in its firmware. */
  readonly bootedFrom: string | undefined
  /** How far the maintenance OS came with its last job. */
  readonly stage: Stage | undefined
  readonly jobId: string | undefined
  readonly disk: DiskState
}

/** What makes one machine. */
export interface MachineOptions {
  readonly embodiment: Embodiment
  readonly manners: Manners
  readonly script: MachineScript
  readonly username: string
  readonly password: string
  readonly pace: Pace
  /** What stands behind the controller in place of a simulated machine. */
  readonly hardware: ((parts: HardwareParts) => Hardware) | undefined
  readonly now: () => number
  readonly tell: (what: string, detail: string) => void
}

/** First read at InsertMedia: the start of the image, as far as a controller looks. */
const PROBE_BYTES = 2_048

/** One simulated server with its controller. Nothing of it is shared with another. */
export class SimulatedMachine {
  readonly serial: string
  readonly imageReads: ImageRead[] = []
  readonly exchanges: Exchanges
  readonly #options: MachineOptions
  readonly #drives: readonly Drive[]
  readonly #disk: Disk
  readonly #reader: ImageReader
  readonly #firmware: Firmware
  readonly #life: Life
  readonly #power: PowerSwitch
  readonly #sessions: Sessions
  readonly #tasks: Tasks
  readonly #watch: Watch<MachineState>
  readonly #hardware: Hardware | undefined
  readonly #closing = new AbortController()

  constructor(options: MachineOptions) {
    const { embodiment, manners, now, pace, tell } = options
    const { resources, systemUri } = embodiment
    const changed = () => this.#changed()

    this.#options = options
    this.serial = embodiment.serial
    this.#watch = new Watch(this.serial, () => this.state())
    this.#drives = drivesOf(resources, manners)
    this.#disk = new Disk(this.serial)
    this.#reader = new ImageReader(manners, (read) => keep(this.imageReads, read))
    const open = (image: string, signal: AbortSignal) => this.#reader.open(image, signal)
    const { serial, uuid } = embodiment
    this.#hardware = options.hardware?.({ serial, uuid, open, tell })
    const { username, password } = options
    const { sessionCap: cap, sessionTimeoutMs: timeoutMs } = manners
    this.#sessions = new Sessions({ username, password, cap, timeoutMs, now })
    this.#tasks = new Tasks(manners, now)
    const override = capturedOverride(resources.get(systemUri) ?? {})
    const common = { manners, pace, now, changed, tell, drives: this.#drives }
    this.#firmware = new Firmware({ ...common, reader: this.#reader, disk: this.#disk }, override)
    const switched = {
      powerDown: () => this.#power.powerDown(),
      restart: () => void this.#power.reset('ForceRestart'),
    }
    const beneath = { firmware: this.#firmware, disk: this.#disk, embodiment }
    this.#life = new Life({ ...common, ...switched, ...beneath }, options.script)
    const hardware = this.#hardware
    const bodied = { ...common, ...switched, firmware: this.#firmware }
    this.#power = new PowerSwitch({
      ...common,
      boot: (signal) =>
        hardware ? runHardware({ ...bodied, hardware }, signal) : this.#life.run(signal),
      pressButton: hardware && (() => hardware.pressButton()),
      // All captures were taken from running machines; one of its own has not been switched on yet.
      initially: hardware ? 'Off' : 'On',
    })
    const controller = new Controller({
      manners,
      captured: resources,
      systemUri,
      drives: this.#drives,
      sessions: this.#sessions,
      tasks: this.#tasks,
      machine: this.#behindController(),
      now,
    })
    this.exchanges = new Exchanges((asked) => controller.handle(asked), now)
  }

  state(): MachineState {
    const firmware = this.#firmware
    return {
      power: this.#power.state,
      inPost: firmware.inPost,
      drives: this.#drives.map(({ uri, id, occupied, image }) => ({ uri, id, occupied, image })),
      override: firmware.override,
      bootNext: firmware.next,
      sessions: this.#sessions.list().length,
      tasks: this.#tasks.list().map(({ id, state }) => ({ id, state })),
      boots: [...firmware.boots],
      bootedFrom: this.#power.state === 'On' ? firmware.bootedFrom : undefined,
      ...this.#life.progress,
      disk: this.#disk.state,
    }
  }

  waitFor(holds: (state: MachineState) => boolean, timeoutMs?: number): Promise<MachineState> {
    return this.#watch.waitFor(holds, timeoutMs)
  }

  /** Another script, from the next boot on. */
  play(script: MachineScript): void {
    this.#life.script = script
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#power.close()
    await this.#hardware?.[Symbol.asyncDispose]()
    await this.#reader.close()
  }

  #changed(): void {
    this.#hardware?.hold(this.#drives)
    this.#watch.changed()
  }

  /** The machine as its controller gets hold of it. */
  #behindController() {
    const [power, firmware] = [this.#power, this.#firmware]
    return {
      get power() {
        return power.state
      },
      get inPost() {
        return firmware.inPost
      },
      get bootsNext() {
        return firmware.next
      },
      get override() {
        return firmware.override
      },
      set override(override: Override) {
        firmware.override = override
      },
      bootNext: (target: string | undefined) => {
        firmware.next = target
      },
      reset: (type: string) => power.reset(type),
      probeImage: (image: string) => this.#probeImage(image),
      changed: () => this.#changed(),
    }
  }

  /** What a controller reads when an image is inserted. */
  async #probeImage(image: string): Promise<void> {
    try {
      const source = await this.#reader.open(image, this.#closing.signal)
      const { insertMs, fetchesWhole, pieceBytes } = this.#options.manners
      const last = fetchesWhole ? source.sizeBytes : Math.min(source.sizeBytes, PROBE_BYTES)
      for (let at = 0; at < last; at += pieceBytes) {
        await source.read(at, Math.min(pieceBytes, last - at))
      }
      await this.#options.pace.wait(insertMs, this.#closing.signal)
    } catch (cause) {
      this.#options.tell('insert refused', sentence(cause))
      throw new Refusal('image', [image], {}, { cause })
    }
  }
}
