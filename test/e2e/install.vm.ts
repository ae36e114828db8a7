// SPDX-License-Identifier: AGPL-3.0-or-later
/** One real installation: a part of `scripts/test`. Needs `scripts/build`; makes the rest itself. */
import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { MINUTE } from '../../core/units.ts'
import { install } from './install.ts'
import { artifacts, ownStage } from './theatre.ts'

/** Why no medium can be made here; undefined where it can. Nothing that could be installed counts. */
const impossible =
  process.arch !== 'x64' || process.getuid?.() !== 0
    ? 'a maintenance ISO is built on x86-64 and as root only'
    : undefined

/** How kernels and programs say that the processor was not what it should be. */
const BROKEN = /Kernel panic|Oops:|traps: |general protection|double fault/

test.skipIf(impossible !== undefined)(
  'a machine gets a job through its controller, and answers on SSH with the recipe’s name and key' +
    (impossible ? ` (skipped: ${impossible})` : ''),
  async () => {
    const made = await artifacts(console.error)
    await using own = await ownStage(made)
    const { stage, key } = own
    const { job, hostname, phases, bytesRead } = await install(stage, key, 'node-0001')
    const told = { result: job.result, failed_step: job.failed_step, reason: job.failed_reason }
    expect({ ...told, console: job.result === 'succeeded' ? '' : await own.console() }).toEqual({
      ...{ result: 'succeeded', failed_step: undefined, reason: undefined, console: '' },
    })
    expect(hostname).toBe('node-0001')
    expect(job).toMatchObject({ media_plan: 'two-cd', launches: 1, cleanup: 'done' })
    // The machine read what it needed and no more, and each word of it was seen.
    const [boot] = job.media
    expect(bytesRead).toBeGreaterThan(50_000_000)
    expect(boot?.bytes_read).toBeLessThan((boot?.size_bytes ?? 0) / 2)
    const levels = new Set<string>(job.evidence?.map(({ level }) => level))
    expect([...levels].toSorted()).toEqual([
      ...['booted', 'claimed', 'fetched', 'pulled', 'read', 'reported', 'stage'],
    ])
    const { boots, drives, override } = stage.controller.state()
    // Once from the medium, then from the disk; nothing is left in a drive or ordered.
    expect(boots.map(({ from }) => from)).toEqual([
      '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1',
      'disk',
    ])
    expect(drives.filter(({ occupied }) => occupied)).toEqual([])
    expect(override.enabled).toBe('Disabled')
    expect(BROKEN.exec(await readFile(stage.serialFile, 'utf8'))).toBeNull()
    console.error(phases.map(({ phase, seconds }) => `${phase} ${seconds} s`).join(', '))
  },
  12 * MINUTE,
)
