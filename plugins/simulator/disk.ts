// SPDX-License-Identifier: AGPL-3.0-or-later

/** What stands on the disk of a simulated machine. */
export interface DiskState {
  /** Job that wrote last; undefined as long as nobody did. */
  readonly writtenBy: string | undefined
  /** Units of that job that changed the disk, in order. */
  readonly units: readonly string[]
  /** Boots: as it came, or after a job went through. */
  readonly bootable: boolean
}

/** The one disk of a simulated machine. It keeps what was done to it, not the bytes. */
export class Disk {
  readonly serial: string
  readonly wwn: string
  #state: DiskState = { writtenBy: undefined, units: [], bootable: true }

  constructor(machineSerial: string) {
    const hash = new Bun.CryptoHasher('sha256').update(`disk of ${machineSerial}`).digest('hex')
    this.serial = `SIMDISK${hash.slice(0, 9).toUpperCase()}`
    // NAA 5: an IEEE registered name, as SAS and SATA disks carry.
    this.wwn = `0x5${hash.slice(0, 15)}`
  }

  get state(): DiskState {
    return this.#state
  }

  wrote(jobId: string, unit: string): void {
    const units = this.#state.writtenBy === jobId ? this.#state.units : []
    this.#state = { writtenBy: jobId, units: [...units, unit], bootable: false }
  }

  /** The job went through: what it wrote boots. */
  finished(): void {
    this.#state = { ...this.#state, bootable: true }
  }
}
