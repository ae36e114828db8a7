// SPDX-License-Identifier: AGPL-3.0-or-later
import { SECTOR, sectorsOf } from './sector.ts'
import type { Placed } from './structures.ts'

/** New sectors behind the end of an image, dealt out one after the other. */
export class Tail {
  readonly firstLba: number
  readonly #placed: Placed[] = []
  #next: number

  constructor(firstLba: number) {
    this.firstLba = firstLba
    this.#next = firstLba
  }

  /** Sector behind the last one. */
  get endLba(): number {
    return this.#next
  }

  /** Room that is filled later; the sector where it begins. */
  take(sizeBytes: number): number {
    const lba = this.#next
    this.#next += sectorsOf(sizeBytes)
    return lba
  }

  put(placed: Placed): void {
    this.#placed.push(placed)
  }

  add(bytes: Uint8Array): number {
    const lba = this.take(bytes.length)
    this.put({ lba, bytes })
    return lba
  }

  /** All of it, zeros where nothing was put. */
  get bytes(): Uint8Array {
    const bytes = new Uint8Array((this.#next - this.firstLba) * SECTOR)
    for (const { lba, bytes: each } of this.#placed) bytes.set(each, (lba - this.firstLba) * SECTOR)
    return bytes
  }
}
