// SPDX-License-Identifier: AGPL-3.0-or-later
import { bootloaderLinux } from './bootloader-linux.ts'
import { configDrive } from './config-drive.ts'
import { imageLinux } from './image-linux.ts'
import { partition } from './partition.ts'
import type { Step } from './step.ts'

/** By the names of their units (provisioning contract 1.6). */
export const steps: Readonly<Record<string, Step>> = {
  partition,
  'image-linux': imageLinux,
  'bootloader-linux': bootloaderLinux,
  'config-drive': configDrive,
}
