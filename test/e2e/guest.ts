// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import { sleep } from '../../core/retry.ts'
import { SECOND } from '../../core/units.ts'
import { qemuCommand } from './qemu.ts'

/** A machine without a controller: its media are in their drives from the start. */
export interface GuestSpec {
  /** Folder with QEMU and firmware: `artifacts.ts`. */
  readonly qemu: string
  /** Its own. */
  readonly folder: string
  /** What its firmware says of it. */
  readonly serial: string
  /** In the drives, in their order; the machine boots the first. */
  readonly media: readonly string[]
  /** Raw images, each a disk of its own. */
  readonly disks?: readonly string[]
  /** Whole `-netdev` and `-device` flags. */
  readonly network: readonly string[]
  readonly memoryMiB?: number
  readonly firmware?: 'ovmf' | 'seabios'
  /** Of the machine's clock; the host's time unless given. */
  readonly clock?: string
}

const POLL_MS = 200

/** QEMU, from power on until the guest has switched itself off. Disposing it pulls the plug. */
export class Guest implements AsyncDisposable {
  readonly #child: Subprocess
  readonly #log: string

  private constructor(child: Subprocess, log: string) {
    this.#child = child
    this.#log = log
  }

  static async start(spec: GuestSpec): Promise<Guest> {
    const log = join(spec.folder, 'serial.log')
    await Bun.write(log, '')
    const command = await commandOf(spec, log)
    return new Guest(Bun.spawn([...command], { stdio: ['ignore', 'ignore', 'inherit'] }), log)
  }

  /** All that it wrote to its serial port. */
  console = () => readFile(this.#log, 'utf8')

  /** Waits for words on the console; throws with its last lines when they do not come. */
  async says(words: string, limitMs: number): Promise<void> {
    await this.#wait(limitMs, `“${words}”`, async () => (await this.console()).includes(words))
  }

  /** Waits until it has switched itself off. */
  async off(limitMs: number): Promise<void> {
    await this.#wait(limitMs, 'a power off', async () => this.#child.exitCode !== null)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child.exited
  }

  async #wait(limitMs: number, what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + limitMs
    while (!(await holds())) {
      if (performance.now() > deadline) {
        const end = (await this.console()).split('\n').slice(-40).join('\n')
        throw new Error(`the machine came to no ${what} in ${limitMs / SECOND} s:\n${end}`)
      }
      await sleep(POLL_MS)
    }
  }
}

async function commandOf(spec: GuestSpec, log: string): Promise<readonly string[]> {
  const { qemu, serial, media, disks = [], network, memoryMiB = 2_048, clock } = spec
  return [
    ...qemuCommand(qemu),
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    // Never KVM: it is there on some hosts and unusable.
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2'],
    ...['-m', String(memoryMiB), '-serial', `file:${log}`, '-smbios', `type=1,serial=${serial}`],
    ...(clock === undefined ? [] : ['-rtc', `base=${clock}`]),
    ...(await firmwareFlags(spec)),
    ...media.flatMap((file, index) => [
      ...['-drive', `if=none,id=cd${index},file=${file},format=raw,readonly=on`],
      ...['-device', `ide-cd,bus=ide.${index},drive=cd${index},bootindex=${index + 1}`],
    ]),
    ...disks.flatMap((file, index) => [
      ...['-drive', `if=none,id=disk${index},file=${file},format=raw,cache=writeback`],
      ...['-device', `virtio-blk-pci,drive=disk${index},serial=DISK000${index}`],
    ]),
    ...network,
    ...['-device', 'virtio-rng-pci'],
  ]
}

async function firmwareFlags({ qemu, folder, firmware = 'ovmf' }: GuestSpec) {
  if (firmware === 'seabios') return []
  const files = join(qemu, 'usr/share/OVMF')
  const vars = join(folder, 'vars.fd')
  await copyFile(join(files, 'OVMF_VARS_4M.fd'), vars)
  return [
    ...['-drive', `if=pflash,format=raw,readonly=on,file=${join(files, 'OVMF_CODE_4M.fd')}`],
    ...['-drive', `if=pflash,format=raw,file=${vars}`],
  ]
}
