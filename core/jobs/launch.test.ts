// SPDX-License-Identifier: AGPL-3.0-or-later
import { beforeEach, describe, expect, test } from 'bun:test'
import { RecordedBmc } from '../../test/recorded-bmc.ts'
import { launch } from './launch.ts'
import type { ImageOwner } from './ownership.ts'
import type { JobRun } from './run.ts'

const BOOT = 'http://10.0.0.9:8080/media/t/new/boot.iso'
const TASK = 'http://10.0.0.9:8080/media/t/new/task.iso'

let bmc: RecordedBmc
let at: number
let notes: string[]
/** Time that passes before a step begins, in ms. */
let delays: Map<string, number>

beforeEach(() => {
  bmc = new RecordedBmc()
  at = 0
  notes = []
  delays = new Map()
})

const run = (takeOver = false) =>
  ({
    job: { takeOver },
    machine: { bmc: { url: 'https://bmc.test' } },
    bmc,
    plan: bmc.mediaPlan,
    imageUrls: new Map([
      ['boot', BOOT],
      ['task', TASK],
    ]),
    step: (name: string, work: (signal: AbortSignal) => Promise<unknown>) => {
      at += delays.get(name) ?? 0
      return work(new AbortController().signal)
    },
    note: (_level: string, message: string) => void notes.push(message),
  }) as unknown as JobRun

const go = (again = false, owners: Record<string, ImageOwner> = {}, takeOver = false) =>
  launch(
    run(takeOver),
    {
      now: () => at,
      ownerOf: async (url) => owners[url] ?? 'other',
      powerOnBegun: async () => void bmc.verbs.push('(power on is written down)'),
    },
    again,
  )

describe('the first launch', () => {
  test('has one order, and is written down before the power comes on', async () => {
    await go()
    expect(bmc.verbs).toEqual([
      'powerOff',
      `insert A ${BOOT}`,
      `insert B ${TASK}`,
      'override Cd',
      '(power on is written down)',
      'powerOn',
    ])
    expect(bmc.power).toBe('On')
  })

  test('sets the override again when power on comes later than 30 s after it', async () => {
    delays.set('redfish.power-on', 30_001)
    await go()
    expect(bmc.verbs.slice(-4)).toEqual([
      'override Cd',
      'override Cd',
      '(power on is written down)',
      'powerOn',
    ])
  })

  test('does not set it again within 30 s', async () => {
    delays.set('redfish.power-on', 30_000)
    await go()
    expect(bmc.verbs.filter((verb) => verb === 'override Cd')).toHaveLength(1)
  })

  test('does not go on after a verb that failed', async () => {
    bmc.fail('insert B', new Error('no'))
    await expect(go()).rejects.toThrow('no')
    expect(bmc.verbs.at(-1)).toBe(`insert B ${TASK}`)
    expect(bmc.power).toBe('Off')
  })
})

test('the second launch leaves the machine on, and restarts it', async () => {
  bmc.power = 'On'
  await go(true)
  expect(bmc.verbs).toEqual([
    `insert A ${BOOT}`,
    `insert B ${TASK}`,
    'override Cd',
    '(power on is written down)',
    'restart',
  ])
})

test('the second launch powers on a machine that it finds off', async () => {
  bmc.power = 'Off'
  await go(true)
  expect(bmc.verbs.at(-1)).toBe('powerOn')
})

describe('images in the drives', () => {
  const put = (image: string, drive: 'A' | 'B' | 'C') => bmc.put(drive, image)
  const ejects = () => bmc.verbs.filter((verb) => verb.startsWith('eject'))

  test('of ours go, wherever they are', async () => {
    put('ours', 'A')
    put('ours', 'C')
    await go(false, { ours: 'ours' })
    expect(ejects()).toEqual(['eject A', 'eject C'])
  })

  test('of others go only where our own must be', async () => {
    put('theirs', 'A')
    put('theirs', 'C')
    await go()
    expect(ejects()).toEqual(['eject A'])
    expect(bmc.imageIn('C')).toBe('theirs')
  })

  test('a drive that says occupied and shows nothing is cleared where we need it', async () => {
    bmc.put('B', undefined)
    bmc.put('C', undefined)
    await go()
    expect(ejects()).toEqual(['eject B'])
  })

  const foreign = 'http://10.0.0.8:8080/media/t/other/boot.iso'

  test.each(['A', 'C'] as const)(
    'of another appliance stop the launch before anything is put in (drive %s)',
    async (drive) => {
      put(foreign, drive)
      await expect(go(false, { [foreign]: 'another-appliance' })).rejects.toMatchObject({
        code: 'redfish.in-use',
        message: expect.stringMatching(/10\.0\.0\.8.*take_over/),
      })
      expect(bmc.verbs.filter((verb) => /^(eject|insert|override|powerOn)/.test(verb))).toEqual([])
    },
  )

  test('of another appliance go when the job takes over', async () => {
    put(foreign, 'C')
    await go(false, { [foreign]: 'another-appliance' }, true)
    expect(ejects()).toEqual(['eject C'])
    expect(bmc.verbs.at(-1)).toBe('powerOn')
  })

  test('that stay after their eject are noted, and inserted over', async () => {
    put('ours', 'A')
    bmc.stale = true
    await go(false, { ours: 'ours' })
    expect(notes).toEqual([expect.stringContaining('drive A still shows an image')])
    expect(bmc.imageIn('A')).toBe(BOOT)
  })
})

test('another appliance’s machine is not powered off', async () => {
  const foreign = 'http://10.0.0.8:8080/media/t/other/boot.iso'
  bmc.power = 'On'
  bmc.put('A', foreign)
  await expect(go(false, { [foreign]: 'another-appliance' })).rejects.toMatchObject({
    code: 'redfish.in-use',
  })
  expect(bmc.verbs).not.toContain('powerOff')
  expect(bmc.power).toBe('On')
})
