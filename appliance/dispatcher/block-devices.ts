// SPDX-License-Identifier: AGPL-3.0-or-later
import { type FileHandle, open, readdir } from 'node:fs/promises'
import type { FileSource } from '../../plugins/iso/index.ts'
import { dispatchFaults } from './faults.ts'
import { at, kernelText, type MachineOs } from './machine-os.ts'

/** Made by the kernel itself: nothing that a controller or a person plugged in. */
const INTERNAL = /^(loop|ram|zram|dm-|md|nbd)/

/** Sizes in sysfs count these, whatever the device's own sectors are (Documentation/ABI, block). */
const SYSFS_SECTOR = 512

/** Paths of drives and their partitions that may hold a medium, in the kernel's order. */
export async function mediaDevices(os: MachineOs): Promise<readonly string[]> {
  const names = await readdir(at(os, '/sys/class/block')).catch((): string[] => [])
  return names
    .filter((name) => !INTERNAL.test(name))
    .sort()
    .map((name) => `/dev/${name}`)
}

/** Opens a device for reading; throws when it is not there or, in a drive, no medium is. */
export async function openDevice(os: MachineOs, path: string): Promise<FileSource> {
  const sectors = Number(await kernelText(os, `/sys/class/block/${path.replace('/dev/', '')}/size`))
  const file = await open(at(os, path), 'r')
  const { size } = await file.stat()
  return {
    // A device has no size of its own; a plain file, which --task-iso-device may name, has.
    sizeBytes: size > 0 ? size : sectors * SYSFS_SECTOR,
    read: (start, length) => readExactly(file, path, start, length),
    [Symbol.asyncDispose]: () => file.close(),
  }
}

async function readExactly(file: FileHandle, path: string, start: number, length: number) {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done)
    if (bytesRead === 0) throw dispatchFaults.medium(`${path} ends before byte ${start + length}`)
    done += bytesRead
  }
  return bytes
}
