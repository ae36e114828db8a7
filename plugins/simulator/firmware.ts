// SPDX-License-Identifier: AGPL-3.0-or-later
import { sentence } from '../../core/faults.ts'
import { type ByteSource, type IsoImage, openIso } from '../iso/index.ts'
import { startMedium } from './boot-medium.ts'
import type { Disk } from './disk.ts'
import type { Drive } from './drive.ts'
import type { ImageReader } from './image-reader.ts'
import type { Manners } from './manners.ts'
import { disabled, type Override } from './override.ts'
import type { Pace } from './pace.ts'
import { keep } from './record.ts'

/** One pass through the firmware. */
export interface Boot {
  /** Unix ms. */
  readonly at: number
  /** Where it went on: a drive's URI, `disk`, or `nothing` when the firmware hangs. */
  readonly from: string
}

/** What the firmware finds in its machine. */
export interface FirmwareParts {
  readonly manners: Manners
  readonly drives: readonly Drive[]
  readonly disk: Disk
  readonly reader: ImageReader
  readonly pace: Pace
  readonly now: () => number
  readonly changed: () => void
  readonly tell: (what: string, detail: string) => void
}

/** A medium that was started. */
export interface StartedMedium {
  readonly drive: Drive
  readonly image: IsoImage
}

/** From power on to an operating system: self test, override, boot medium. */
export class Firmware {
  readonly boots: Boot[] = []
  override: Override
  /** An OEM order for the next boot: goes before the override, and once. */
  next: string | undefined
  readonly #parts: FirmwareParts
  #selfTest: AbortSignal | undefined

  constructor(parts: FirmwareParts, override: Override) {
    this.#parts = parts
    this.override = override
  }

  /** In the self test, before anything boots. */
  get inPost(): boolean {
    return this.#selfTest?.aborted === false
  }

  /** Where the machine runs from since its last boot. All captures were taken from running ones. */
  get bootedFrom(): string | undefined {
    return this.#selfTest ? undefined : (this.boots.at(-1)?.from ?? 'disk')
  }

  /** Undefined when the machine boots its disk, or hangs. Rejects when power goes. */
  async start(hangs: boolean, signal: AbortSignal): Promise<StartedMedium | undefined> {
    const { manners, pace } = this.#parts
    this.begin(signal)
    await pace.wait(manners.postMs, signal)
    const drives = this.#order()
    this.#useUp()
    const started = hangs ? undefined : await this.#firstBootable(drives, signal)
    // Power may have gone with the last byte: then another boot has begun, and this one is not.
    signal.throwIfAborted()
    const from =
      started?.drive.uri ?? (hangs || !this.#parts.disk.state.bootable ? 'nothing' : 'disk')
    this.#goneOn(from)
    return started
  }

  /** The self test begins; returns the drives that are tried before the disk, as ordered by now. */
  begin(signal: AbortSignal): readonly Drive[] {
    this.#selfTest = signal
    this.#parts.changed()
    return this.#order()
  }

  /** The self test is over, and what was ordered for one boot is used up. */
  wentOn(from: string): void {
    this.#useUp()
    this.#goneOn(from)
  }

  #useUp(): void {
    const { manners } = this.#parts
    this.next = undefined
    const usesUp = manners.overrideStays === undefined && this.override.enabled === 'Once'
    if (usesUp) this.override = disabled(this.override, manners)
  }

  #goneOn(from: string): void {
    const { now, tell, changed } = this.#parts
    this.#selfTest = undefined
    keep(this.boots, { at: now(), from })
    tell('boot', `from ${from}`)
    changed()
  }

  /** What a task medium is looked for with; undefined where there is no image or it is no ISO. */
  look<T>(drive: Drive, signal: AbortSignal, work: (image: IsoImage) => Promise<T>) {
    return this.#read(drive, signal, async (source) => work(await openIso(source)))
  }

  /** Drives that are tried before the disk; behind a disk that does not boot all others follow. */
  #order(): readonly Drive[] {
    const { manners, drives, disk } = this.#parts
    const { enabled, target } = this.override
    const first = this.next ?? (enabled === 'Disabled' ? '' : target)
    const wanted = manners.boots[first] ?? []
    const others = disk.state.bootable ? [] : Object.values(manners.boots).flat()
    const order = [...wanted, ...others].flatMap((each) =>
      drives.filter(({ uri }) => each.test(uri)),
    )
    return [...new Set(order)]
  }

  async #firstBootable(
    drives: readonly Drive[],
    signal: AbortSignal,
  ): Promise<StartedMedium | undefined> {
    const { pieceBytes, readsWhole: whole } = this.#parts.manners
    const options = { mode: this.override.mode, pieceBytes, whole }
    for (const drive of drives) {
      const image = await this.#read(drive, signal, (source) => startMedium(source, options))
      if (image) return { drive, image }
    }
    return undefined
  }

  /** Undefined for an empty drive, and for an image that can not be read as what it should be. */
  async #read<T>(
    drive: Drive,
    signal: AbortSignal,
    work: (source: ByteSource) => Promise<T>,
  ): Promise<T | undefined> {
    if (drive.image === undefined) return undefined
    try {
      return await work(await this.#parts.reader.open(drive.image, signal))
    } catch (error) {
      signal.throwIfAborted()
      this.#parts.tell('unreadable', `${drive.uri}: ${sentence(error)}`)
      return undefined
    }
  }
}
