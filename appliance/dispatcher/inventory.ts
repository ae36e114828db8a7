// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import type { Inventory } from '../../schemas/inventory.ts'
import type { Disk } from './disks.ts'
import { at, kernelText, type MachineOs } from './machine-os.ts'
import { memoryBytes } from './memory.ts'

/** What is in the machine. Reads only; what the kernel does not tell is left out. */
export async function takeInventory(os: MachineOs, disks: readonly Disk[]): Promise<Inventory> {
  const dmi = (name: string) => kernelText(os, `/sys/class/dmi/id/${name}`)
  const [vendor, product, bios] = await Promise.all([
    dmi('sys_vendor'),
    dmi('product_name'),
    dmi('bios_version'),
  ])
  return {
    system: { vendor, product },
    firmware: { mode: existsSync(at(os, '/sys/firmware/efi')) ? 'uefi' : 'bios', version: bios },
    cpu: cpuOf(await kernelText(os, '/proc/cpuinfo')),
    memory_bytes: await memoryBytes(os),
    disks: disks
      .filter(({ kind }) => kind === 'disk')
      .map((disk) => ({
        path: disk.path,
        model: disk.model,
        serial: disk.serial,
        wwn: disk.wwn,
        size_bytes: disk.sizeBytes,
        rotational: disk.rotational,
        transport: disk.transport,
      })),
    nics: await nicsOf(os),
  }
}

/** From /proc/cpuinfo: a block for each thread. ARM names no model. */
function cpuOf(text: string): Inventory['cpu'] {
  const field = (block: string, name: string) =>
    new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(block)?.[1] ?? ''
  const blocks = text.split(/\n\s*\n/).filter((block) => /^processor\s*:/m.test(block))
  const sockets = new Set(blocks.map((block) => field(block, 'physical id')))
  const cores = new Set(
    blocks.map((block) => `${field(block, 'physical id')}/${field(block, 'core id')}`),
  )
  const [first = ''] = blocks
  const told = field(first, 'core id') !== ''
  return {
    model: field(first, 'model name'),
    sockets: sockets.size,
    cores: told ? cores.size : blocks.length,
    threads: blocks.length,
  }
}

/** Network cards that are hardware: the others have no device behind them. */
async function nicsOf(os: MachineOs): Promise<Inventory['nics']> {
  const names = await readdir(at(os, '/sys/class/net')).catch((): string[] => [])
  const cards = names.filter((name) => existsSync(at(os, `/sys/class/net/${name}/device`)))
  return await Promise.all(
    cards.sort().map(async (name) => {
      const fact = (file: string) => kernelText(os, `/sys/class/net/${name}/${file}`)
      const speed = Number(await fact('speed'))
      const driver = await readlink(at(os, `/sys/class/net/${name}/device/driver`)).catch(() => '')
      return {
        name,
        mac: await fact('address'),
        link: (await fact('carrier')) === '1',
        ...(speed > 0 ? { speed_mbps: speed } : {}),
        ...(driver ? { driver: driver.split('/').at(-1) ?? '' } : {}),
      }
    }),
  )
}
