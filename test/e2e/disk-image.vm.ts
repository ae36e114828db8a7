// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A machine's whole disk as the image of the next one. Not a part of `scripts/test`: two installations.
 * Run by `scripts/soak e2e disk-image`.
 */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { sleep } from '../../core/retry.ts'
import { MINUTE, SECOND } from '../../core/units.ts'
import { run } from './artifacts.ts'
import { install } from './install.ts'
import { ssh } from './ssh.ts'
import { linuxRecipe } from './stage.ts'
import { artifacts, ownStage } from './theatre.ts'

const IMAGE = 'os-images/golden:1'
const RAW = 'application/vnd.slipway.disk.raw+zstd'
const LOGIN_MS = 4 * MINUTE

test(
  'a packed image of a whole disk is written as it is, and starts under the new recipe’s name',
  async () => {
    const made = await artifacts(console.error)
    await using own = await ownStage(made, { diskBytes: 2 * 2 ** 30 })
    const { stage, key, folder } = own
    const first = await install(stage, key, 'golden')
    expect([first.job.failed_reason, first.hostname]).toEqual([undefined, 'golden'])
    const end = 'cloud-init clean --logs; systemctl --no-block poweroff'
    await ssh(key, stage.sshPort, end, LOGIN_MS)
    while (stage.controller.state().power !== 'Off') await sleep(SECOND / 4)
    const packed = join(folder, 'golden.raw.zst')
    await run(['zstd', '-q', '-3', '-T0', stage.diskFile, '-o', packed])
    await stage.appliance.command('oci', 'push', packed, IMAGE, '--media-type', RAW)
    const recipe = linuxRecipe(stage.firmware, 'from-golden', key.publicLine)
    const id = await stage.submit({ ...recipe, oci_url: IMAGE, overwrite: 'any' })
    const job = await stage.until(id, ({ status }) => status === 'complete')
    const reason = job.failed_reason ?? (job.result === 'succeeded' ? '' : await own.console())
    expect([job.result, reason]).toEqual(['succeeded', ''])
    await stage.until(id, ({ booted_at }) => booted_at !== undefined)
    expect(await ssh(key, stage.sshPort, 'hostname', LOGIN_MS)).toBe('from-golden')
  },
  15 * MINUTE,
)
