// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Firmware, drives and media plans in pairs, each at least once. Not a part of `scripts/test`: each row
 * takes minutes of both cores. Run by `scripts/soak e2e set [ROW]`.
 */
import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { MINUTE } from '../../core/units.ts'
import { install } from './install.ts'
import type { DriveBus, FirmwareKind } from './qemu.ts'
import type { StageOptions } from './stage.ts'
import { artifacts, ownStage } from './theatre.ts'

interface Row {
  readonly firmware: FirmwareKind
  readonly bus: DriveBus
  readonly plan: 'two-cd' | 'cd-usb' | 'one'
  /** Departures of the controller. */
  readonly manners?: StageOptions['manners']
}

/** Some 80 Mbit/s, and now and then the line is cut. */
const BAD_LINE = { mediaBytesPerS: 10_000_000, mediaBreaks: { afterBytes: 8_000_000, times: 8 } }

/** Controllers with just the drives for a plan. */
const PERSONALITIES = {
  'two-cd': 'dell-r750',
  'cd-usb': 'hpe-dl360',
  one: 'supermicro-x11',
} as const

const ROWS: readonly Row[] = [
  { firmware: 'ovmf', bus: 'sata', plan: 'two-cd' },
  { firmware: 'ovmf', bus: 'usb', plan: 'cd-usb' },
  { firmware: 'ovmf', bus: 'sata', plan: 'one', manners: BAD_LINE },
  { firmware: 'seabios', bus: 'usb', plan: 'two-cd' },
  { firmware: 'seabios', bus: 'sata', plan: 'cd-usb' },
  { firmware: 'seabios', bus: 'usb', plan: 'one' },
  { firmware: 'ovmf-secure', bus: 'usb', plan: 'cd-usb' },
]

test.each(ROWS)(
  '$firmware, drives as $bus, plan $plan',
  async ({ firmware, bus, plan, manners = {} }) => {
    const made = await artifacts(console.error)
    const options = { firmware, bus, personality: PERSONALITIES[plan], manners }
    await using own = await ownStage(made, options)
    const { stage, key } = own
    const { job, hostname, phases } = await install(stage, key, 'node-0002')
    const reason = job.failed_reason ?? (job.result === 'succeeded' ? '' : await own.console())
    expect([job.result, reason, job.media_plan, hostname]).toEqual([
      ...['succeeded', '', plan, 'node-0002'],
    ])
    if (firmware === 'ovmf-secure') {
      // The maintenance OS and the installed system, each in its kernel's own words.
      const said = (await readFile(stage.serialFile, 'utf8')).match(/Secure Boot is enabled/g)
      expect(said).toHaveLength(2)
    }
    console.error(phases.map(({ phase, seconds }) => `${phase} ${seconds} s`).join(', '))
  },
  12 * MINUTE,
)
