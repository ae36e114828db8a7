// SPDX-License-Identifier: AGPL-3.0-or-later
import { sentence } from '../../core/faults.ts'
import { MINUTE } from '../../core/units.ts'
import type { Disk } from './disk.ts'
import type { Drive } from './drive.ts'
import type { Embodiment } from './embody.ts'
import type { Firmware, StartedMedium } from './firmware.ts'
import { inventoryOf } from './inventory.ts'
import { type MaintenanceParts, runDispatcher, type Stage } from './maintenance-os.ts'
import type { Pace } from './pace.ts'
import type { MachineScript } from './scripts.ts'
import { readTaskMedium, type TaskMedium } from './task-medium.ts'

/** The machine around what runs on it. */
export interface LifeParts {
  readonly embodiment: Embodiment
  readonly drives: readonly Drive[]
  readonly disk: Disk
  readonly firmware: Firmware
  readonly pace: Pace
  readonly now: () => number
  readonly powerDown: () => void
  readonly restart: () => void
  readonly changed: () => void
  readonly tell: (what: string, detail: string) => void
}

/** Longest time that a machine tries to claim: provisioning contract 0.2. */
const CLAIM_PATIENCE_MS = 30 * MINUTE

/** What a machine does between power on and power off: firmware, then what it started. */
export class Life {
  /** What it does at its next boot; may be changed between jobs. */
  script: MachineScript
  readonly #parts: LifeParts
  #stage: Stage | undefined
  #jobId: string | undefined

  constructor(parts: LifeParts, script: MachineScript) {
    this.#parts = parts
    this.script = script
  }

  /** How far the maintenance OS came with its last job. */
  get progress(): { readonly stage: Stage | undefined; readonly jobId: string | undefined } {
    return { stage: this.#stage, jobId: this.#jobId }
  }

  /** Ends by itself or with the signal; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      const started = await this.#parts.firmware.start(!this.script.boots, signal)
      if (started) await this.#runMaintenance(started, signal)
    } catch (error) {
      // Power went: that is how most lives end.
      if (!signal.aborted) this.#parts.tell('stopped', sentence(error))
    }
  }

  async #runMaintenance(started: StartedMedium, signal: AbortSignal): Promise<void> {
    const media = await this.#taskMedia(started, signal)
    if (media.length === 0) return this.#reach('idle', undefined)
    const ending = await runDispatcher(this.#maintenanceParts(), media, signal)
    if (ending === 'off') this.#parts.powerDown()
    if (ending === 'crashed') {
      this.script = { ...this.script, crashesAt: undefined }
      this.#parts.restart()
    }
  }

  /** All task media in the drives; last, what the started medium itself carries. */
  async #taskMedia({ drive, image }: StartedMedium, signal: AbortSignal): Promise<TaskMedium[]> {
    const { drives, firmware } = this.#parts
    const media: TaskMedium[] = []
    for (const other of drives.filter((each) => each !== drive)) {
      const medium = await firmware.look(other, signal, (found) => readTaskMedium(found, ''))
      if (medium) media.push(medium)
    }
    const composed = await readTaskMedium(image, '/task')
    return composed ? [...media, composed] : media
  }

  #maintenanceParts(): MaintenanceParts {
    const { embodiment, disk, pace, now, tell } = this.#parts
    const { resources, systemUri, serial, uuid } = embodiment
    const system = resources.get(systemUri) ?? {}
    return {
      serial,
      uuid,
      inventory: (diskPath) => inventoryOf(system, disk, diskPath),
      disk,
      script: this.script,
      claimPatienceMs: CLAIM_PATIENCE_MS,
      pace,
      now,
      tell,
      stage: (stage, jobId) => this.#reach(stage, jobId),
    }
  }

  #reach(stage: Stage, jobId: string | undefined): void {
    this.#stage = stage
    this.#jobId = jobId
    this.#parts.tell(stage, jobId ?? 'no task medium was found')
    this.#parts.changed()
  }
}
