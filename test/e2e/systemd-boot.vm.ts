// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A system that brings systemd-boot and no GRUB. Not a part of `scripts/test`: a whole installation.
 * Run by `scripts/soak e2e systemd-boot`.
 */
import { expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MINUTE } from '../../core/units.ts'
import { run } from './artifacts.ts'
import { ssh } from './ssh.ts'
import { linuxRecipe } from './stage.ts'
import { artifacts, ownStage } from './theatre.ts'

const IMAGE = 'os-images/debian-systemd-boot:13'
const ROOTFS = 'application/vnd.slipway.rootfs.tar+zstd'
/** The Boot Loader Interface: who started the kernel. */
const LOADER_INFO = '/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f'
const LOGIN_MS = 4 * MINUTE

/** The usual root file system and the package's boot loader. */
async function withSystemdBoot(node: string, folder: string): Promise<string> {
  const work = join(folder, 'systemd-boot')
  await mkdir(work)
  const steps = [
    'apt-get download -qq systemd-boot-efi',
    'dpkg-deb -x systemd-boot-efi_*.deb tree',
    `zstd -q -d ${node} -o node.tar`,
    'tar --append --file=node.tar --directory=tree --owner=0 --group=0 ./usr/lib/systemd/boot',
    'zstd -q -3 -T0 node.tar',
  ]
  await run(['sh', '-euc', `cd ${work}; ${steps.join('; ')}`])
  return join(work, 'node.tar.zst')
}

test(
  'a system with systemd-boot starts by it',
  async () => {
    const made = await artifacts(console.error)
    await using own = await ownStage(made)
    const { stage, key, folder } = own
    const image = await withSystemdBoot(made.node, folder)
    await stage.appliance.command('oci', 'push', image, IMAGE, '--media-type', ROOTFS)
    const recipe = linuxRecipe(stage.firmware, 'by-systemd', key.publicLine)
    const id = await stage.submit({ ...recipe, oci_url: IMAGE })
    const job = await stage.until(id, ({ status }) => status === 'complete')
    const reason = job.failed_reason ?? (job.result === 'succeeded' ? '' : await own.console())
    expect([job.result, reason]).toEqual(['succeeded', ''])
    const told = await ssh(key, stage.sshPort, `hostname; tr -d '\\0' < ${LOADER_INFO}`, LOGIN_MS)
    expect(told).toMatch(/^by-systemd\n.*systemd-boot/)
  },
  12 * MINUTE,
)
