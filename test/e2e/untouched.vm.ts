// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Nothing on a disk is touched before a job is claimed. Not a part of `scripts/test`: the guest takes
 * a minute of both cores. Run by `scripts/soak machine untouched`.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { MINUTE, SECOND } from '../../core/units.ts'
import { complete } from '../stage.ts'
import { foreignDisks } from './foreign-disks.ts'
import { type GuestStage, guestStage } from './guest-stage.ts'

let stage: GuestStage
beforeAll(async () => {
  stage = await guestStage()
}, 10 * MINUTE)
afterAll(() => stage[Symbol.asyncDispose]())

const NETWORK = ['-nic', 'user,model=virtio-net-pci']

async function digestOf(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher('sha256')
  for await (const piece of Bun.file(path).stream()) hash.update(piece)
  return hash.digest('hex')
}

test(
  'a mirror out of step, a volume group, swap and file systems in need of repair stay as they are',
  async () => {
    const disks = await foreignDisks(stage.folder)
    const before = await Promise.all(disks.map(digestOf))
    const recipe = { task_target: 'inspect.target' }
    const job = await stage.launch(recipe)
    // The machine is another one than that of the job: it looks at everything, and is not to begin.
    await using guest = await stage.boot(job, { serial: 'SOMEBODY', network: NETWORK, disks })
    await guest.off(4 * MINUTE)
    expect(await Promise.all(disks.map(digestOf))).toEqual(before)
    const view = await stage.running.until(job.id, complete, 30 * SECOND)
    expect(view).toMatchObject({ result: 'failed', failed_step: 'machine.mismatch' })
  },
  6 * MINUTE,
)

test(
  'disks that are not empty are named before anything is written',
  async () => {
    const disks = await foreignDisks(stage.folder)
    const before = await Promise.all(disks.map(digestOf))
    const job = await stage.launch({
      task_target: 'install-linux.target',
      target_disk: { serial: 'DISK0004' },
      oci_url: `images.test/os/debian@sha256:${'a'.repeat(64)}`,
      partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/' }],
    })
    await using guest = await stage.boot(job, { network: NETWORK, disks })
    await guest.off(4 * MINUTE)
    const view = await stage.running.until(job.id, complete, 30 * SECOND)
    expect(view).toMatchObject({ result: 'failed', failed_step: 'machine.disk-not-empty' })
    expect(view.failed_reason).toContain('ext4')
    expect(await Promise.all(disks.map(digestOf))).toEqual(before)
  },
  6 * MINUTE,
)
