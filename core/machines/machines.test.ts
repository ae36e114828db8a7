// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import * as v from 'valibot'
import { MachineImport, MachineInput, MachinePatch } from '../../schemas/machine.ts'
import { type TemporaryDb, temporaryDb } from '../../test/temporary-db.ts'
import type { ControllerSurvey } from '../jobs/bmc.ts'
import { openSealer } from '../seal.ts'
import { machines as table } from '../store/tables.ts'
import { createMachines, type Machines } from './machines.ts'

const UUID = '4c4c4544-0051-3610-8052-b4c04f333732'
const SWAPPED = '44454c4c-5100-1036-8052-b4c04f333732'
const FINGERPRINT = Array(32).fill('AB').join(':')

let at: number
let temporary: TemporaryDb
let machines: Machines

const open = async (keyFile: string) =>
  createMachines({
    db: temporary.db,
    sealer: await openSealer(join(temporary.folder, keyFile)),
    now: () => at,
  })

beforeEach(async () => {
  at = 1_800_000_000_000
  temporary = await temporaryDb()
  machines = await open('seal.key')
})
afterEach(() => temporary[Symbol.asyncDispose]())

/** As a client writes it: the schema gives what is left out. */
const input = (serial: string, more: object = {}) =>
  v.parse(MachineInput, {
    serial,
    bmc_url: `https://${serial.toLowerCase()}.bmc.test`,
    username: 'root',
    password: `password of ${serial}`,
    ...more,
  })

const line = (serial: string, more: object = {}) => ({
  serial,
  bmc_url: `https://${serial.toLowerCase()}.bmc.test`,
  username: 'root',
  password: `password of ${serial}`,
  ...more,
})

const importing = (...lines: object[]) =>
  machines.import(v.parse(MachineImport, { machines: lines }).machines)

const patch = (name: string, change: object) => machines.change(name, v.parse(MachinePatch, change))

const code = (expected: string, message: RegExp = /./) =>
  expect.objectContaining({ code: expected, message: expect.stringMatching(message) })

const all = () => machines.list({ labels: [], limit: 100, afterSerial: '' })

describe('add', () => {
  test('keeps what was given, the URL as its origin, and first-use unless said', async () => {
    const added = await machines.add(
      input('S1', {
        bmc_url: 'https://10.0.0.5:443/redfish/v1',
        aliases: ['rack-1'],
        labels: { a: 'b' },
      }),
    )
    expect(added).toMatchObject({
      serial: 'S1',
      aliases: ['rack-1'],
      bmc: { url: 'https://10.0.0.5', systemUri: undefined, tls: { mode: 'first-use' } },
      labels: { a: 'b' },
      protected: false,
      createdAt: at,
    })
    expect(await machines.named('rack-1')).toEqual(added)
  })

  test.each(['Unknown', '0123456789', ' to be filled by O.E.M. '])(
    'refuses "%s" as a serial and as an alias',
    async (name) => {
      await expect(machines.add(input(name, { bmc_url: 'https://s1.test' }))).rejects.toThrow(
        code('machine.placeholder'),
      )
      await expect(machines.add(input('S1', { aliases: [name] }))).rejects.toThrow(
        code('machine.placeholder'),
      )
      expect(await all()).toEqual([])
    },
  )

  test('refuses a serial that is there, also in the other byte order', async () => {
    await machines.add(input(UUID))
    for (const twin of [UUID, UUID.toUpperCase(), SWAPPED]) {
      await expect(machines.add(input(twin, { bmc_url: 'https://other.test' }))).rejects.toThrow(
        code('machine.exists'),
      )
    }
  })

  test('takes several systems of one chassis that share a serial', async () => {
    const bmc_url = 'https://chassis.test'
    await machines.add(input('C1', { bmc_url, system_uri: '/redfish/v1/Systems/1' }))
    await machines.add(input('C1', { bmc_url, system_uri: '/redfish/v1/Systems/2' }))
    await expect(machines.named('C1')).rejects.toThrow(
      code('machine.ambiguous', /Systems\/1.*Systems\/2|Systems\/2.*Systems\/1/),
    )
  })

  test.each([
    ['the same system', '/redfish/v1/Systems/1', '/redfish/v1/Systems/1'],
    ['the only system, then one by name', undefined, '/redfish/v1/Systems/1'],
    ['one by name, then the only system', '/redfish/v1/Systems/1', undefined],
    ['the only system twice', undefined, undefined],
  ])('refuses a second machine for %s, naming the first', async (_, first, second) => {
    const bmc_url = 'https://one.test'
    await machines.add(input('FIRST', { bmc_url, system_uri: first }))
    await expect(
      machines.add(input('SECOND', { bmc_url: `${bmc_url}:443/`, system_uri: second })),
    ).rejects.toThrow(code('machine.exists', /FIRST/))
    expect(await all()).toHaveLength(1)
  })
})

describe('change', () => {
  test('replaces what is given and leaves the rest', async () => {
    const before = await machines.add(input('S1', { labels: { rack: '1' }, media_plan: 'one' }))
    at += 1_000
    const after = await patch('S1', { protected: true, media_plan: null, username: 'admin' })
    expect(after).toMatchObject({
      ...before,
      protected: true,
      mediaPlan: undefined,
      updatedAt: at,
    })
    expect(await machines.credentials(after)).toEqual({
      username: 'admin',
      password: 'password of S1',
    })
  })

  test('seals a new password', async () => {
    const machine = await machines.add(input('S1'))
    await patch('S1', { password: 'another' })
    expect((await machines.credentials(machine)).password).toBe('another')
  })

  test('does not move a machine onto the BMC of another', async () => {
    await machines.add(input('S1'))
    await machines.add(input('S2'))
    await expect(patch('S2', { bmc_url: 'https://s1.bmc.test' })).rejects.toThrow(
      code('machine.exists', /S1/),
    )
    const chassis = { bmc_url: 'https://chassis.test' }
    await machines.add(input('C1', { ...chassis, system_uri: '/redfish/v1/Systems/1' }))
    await machines.add(input('C2', { ...chassis, system_uri: '/redfish/v1/Systems/2' }))
    await expect(patch('C2', { system_uri: '/redfish/v1/Systems/1' })).rejects.toThrow(
      code('machine.exists', /C1/),
    )
  })

  test('may repeat what is there already', async () => {
    await machines.add(input('S1'))
    expect(await patch('S1', { bmc_url: 'https://s1.bmc.test' })).toMatchObject({ serial: 'S1' })
  })
})

describe('import', () => {
  test('tells what it added, changed and found as it was', async () => {
    await importing(line('S1'), line('S2'), line('S3'))
    const tally = await importing(
      line('S1'),
      line('S2', { labels: { rack: '2' } }),
      line('S3', { password: 'new' }),
      line('S4'),
    )
    expect(tally).toEqual({ added: ['S4'], updated: ['S2', 'S3'], unchanged: ['S1'] })
    expect((await machines.credentials(await machines.named('S3'))).password).toBe('new')
  })

  test.each([
    ['a placeholder', line('unknown'), 'machine.placeholder'],
    ['the BMC of another', line('S3', { bmc_url: 'https://s1.bmc.test' }), 'machine.exists'],
  ])('takes no line when the last one is %s', async (_, bad, fault) => {
    await importing(line('S1'))
    const change = line('S1', { labels: { rack: '9' } })
    await expect(importing(change, line('S2'), bad)).rejects.toThrow(code(fault))
    expect(await all()).toMatchObject([{ serial: 'S1', labels: {} }])
  })

  test.each([
    ['with another BMC', line('S1', { bmc_url: 'https://10.0.0.6' })],
    ['in other letters', line('s1')],
    ['as it was', line('S1')],
  ])('takes no line when a machine comes twice, %s', async (_, again) => {
    await expect(importing(line('S1'), line('S2'), again)).rejects.toThrow(
      code('machine.import', /machines\[0\] and machines\[2\]/),
    )
    expect(await all()).toEqual([])
  })

  test('leaves alone what a line does not name', async () => {
    const more = { aliases: ['rack-1'], labels: { rack: '1' }, protected: true, media_plan: 'one' }
    await machines.add(input('S1', { ...more, tls: { mode: 'insecure' } }))
    expect(await importing(line('S1'))).toMatchObject({ unchanged: ['S1'] })
    expect(await importing(line('S1', { username: 'admin' }))).toMatchObject({ updated: ['S1'] })
    expect(await machines.named('S1')).toMatchObject({
      aliases: ['rack-1'],
      labels: { rack: '1' },
      protected: true,
      mediaPlan: 'one',
      bmc: { tls: { mode: 'insecure' } },
    })
  })

  test('adds aliases to those that are there', async () => {
    await machines.add(input('S1', { aliases: ['rack-1'] }))
    expect(await importing(line('S1', { aliases: ['blue'] }))).toMatchObject({ updated: ['S1'] })
    expect((await machines.named('S1')).aliases).toEqual(['blue', 'rack-1'])
    expect(await importing(line('S1', { aliases: ['blue'] }))).toMatchObject({ unchanged: ['S1'] })
  })

  test('does not take back what the first contact pinned', async () => {
    const tls = { mode: 'first-use' }
    await importing(line('S1', { tls }))
    await machines.pin(await machines.named('S1'), FINGERPRINT)
    expect(await importing(line('S1', { tls }))).toMatchObject({ unchanged: ['S1'] })
    expect(await importing(line('S1', { tls, username: 'admin' }))).toMatchObject({
      updated: ['S1'],
    })
    const { bmc } = await machines.named('S1')
    expect(bmc.tls).toEqual({ mode: 'pin', fingerprint: FINGERPRINT })
  })

  test('completes a machine by the system that a probe told', async () => {
    await importing(line('S1'))
    const system_uri = '/redfish/v1/Systems/1'
    expect(await importing(line('S1', { system_uri }))).toMatchObject({ updated: ['S1'] })
    expect(await all()).toMatchObject([{ bmc: { systemUri: system_uri } }])
  })

  test('finds one of several that share a serial by its system, and does not guess', async () => {
    const bmc_url = 'https://chassis.test'
    const systems = ['/redfish/v1/Systems/1', '/redfish/v1/Systems/2']
    const both = systems.map((system_uri) => line('C1', { bmc_url, system_uri }))
    expect(await importing(...both)).toMatchObject({ added: ['C1', 'C1'] })
    expect(await importing(...both)).toMatchObject({ unchanged: ['C1', 'C1'] })
    await expect(importing(line('C1', { bmc_url }))).rejects.toThrow(code('machine.ambiguous'))
  })
})

describe('names', () => {
  test('an alias that two machines share names both, until one gives it up', async () => {
    await machines.add(input('S1', { aliases: ['shared'] }))
    const second = await machines.add(input('S2'))
    await machines.addAlias('S2', 'shared')
    await expect(machines.named('shared')).rejects.toThrow(
      code('machine.ambiguous', /S1 at https:\/\/s1.*S2 at https:\/\/s2|S2 at.*S1 at/),
    )
    expect(await machines.ownNames(await machines.named('S2'))).toEqual(['S2'])
    await machines.removeAlias('S1', 'shared')
    expect(await machines.named('shared')).toMatchObject({ id: second.id })
    expect(await machines.ownNames(await machines.named('S2'))).toEqual(['S2', 'shared'])
  })

  test('an alias is found again in the other byte order and any case', async () => {
    await machines.add(input('S1'))
    await machines.addAlias('S1', UUID.toUpperCase())
    for (const name of [UUID, SWAPPED, SWAPPED.toUpperCase(), ` ${UUID} `]) {
      expect(await machines.named(name)).toMatchObject({ serial: 'S1' })
    }
  })

  test.each([
    ['an empty name', ''],
    ['a placeholder', 'unknown'],
    ['an unknown name', 'nobody'],
    ['SQL', "x' or 1=1--"],
    ['a very long name', 'x'.repeat(5_000)],
  ])('%s names nobody', async (_, name) => {
    await machines.add(input('S1'))
    await expect(machines.named(name)).rejects.toThrow(code('machine.not-found'))
  })

  test('an alias that is not there can not be removed, a placeholder not added', async () => {
    await machines.add(input('S1'))
    await expect(machines.removeAlias('S1', 'x')).rejects.toThrow(code('machine.not-found'))
    await expect(machines.addAlias('S1', 'None')).rejects.toThrow(code('machine.placeholder'))
  })
})

describe('a survey', () => {
  const survey = (more: Partial<ControllerSurvey>) =>
    ({ aliases: [], serial: undefined, uuid: undefined, ...more }) as unknown as ControllerSurvey

  test('brings names, takes its own back, and leaves those of people', async () => {
    const machine = await machines.add(input('S1', { aliases: ['rack-1', 'TAG'] }))
    await machines.surveyed(
      machine,
      survey({ serial: 'BOARD', uuid: UUID.toUpperCase(), aliases: ['TAG', 'Default string'] }),
    )
    expect((await machines.named('S1')).aliases).toEqual([UUID, 'BOARD', 'TAG', 'rack-1'])
    await machines.surveyed(machine, survey({ serial: 'S1', uuid: UUID }))
    expect((await machines.named('S1')).aliases).toEqual([UUID, 'TAG', 'rack-1'])
  })

  test('does not take away what a person gave after it', async () => {
    const machine = await machines.add(input('S1'))
    await machines.surveyed(machine, survey({ serial: 'BOARD' }))
    await patch('S1', { aliases: ['BOARD'] })
    await machines.surveyed(machine, survey({}))
    expect((await machines.named('S1')).aliases).toEqual(['BOARD'])
  })
})

describe('credentials', () => {
  const sealedOf = async (id: string) =>
    (await temporary.db.read.select().from(table).where(eq(table.id, id)))[0]?.sealedPassword ?? ''

  test('are not readable in the database', async () => {
    const { id } = await machines.add(input('S1'))
    expect(await sealedOf(id)).not.toContain('password of')
  })

  test('of one machine do not open in the row of another', async () => {
    const one = await machines.add(input('S1'))
    const other = await machines.add(input('S2'))
    const sealedPassword = await sealedOf(one.id)
    await temporary.db.write((tx) =>
      tx.update(table).set({ sealedPassword }).where(eq(table.id, other.id)),
    )
    await expect(machines.credentials(other)).rejects.toThrow(code('seal.broken'))
  })

  test('under another key file say so, naming it', async () => {
    const machine = await machines.add(input('S1'))
    const elsewhere = await open('other.key')
    await expect(elsewhere.credentials(machine)).rejects.toThrow(
      code('seal.wrong-key', /other\.key/),
    )
  })

  test('of a machine that was removed are gone', async () => {
    const machine = await machines.add(input('S1', { aliases: ['rack-1'] }))
    await machines.remove(machine)
    await expect(machines.credentials(machine)).rejects.toThrow(code('machine.not-found'))
    await expect(machines.named('rack-1')).rejects.toThrow(code('machine.not-found'))
  })
})

test('a fingerprint is pinned once, and only where the first use was to be believed', async () => {
  const machine = await machines.add(input('S1'))
  await machines.pin(machine, FINGERPRINT)
  await machines.pin(machine, FINGERPRINT.replace('AB', 'CD'))
  expect((await machines.named('S1')).bmc.tls).toEqual({ mode: 'pin', fingerprint: FINGERPRINT })
  const insecure = await machines.add(input('S2', { tls: { mode: 'insecure' } }))
  await machines.pin(insecure, FINGERPRINT)
  expect((await machines.named('S2')).bmc.tls).toEqual({ mode: 'insecure' })
})

describe('list', () => {
  test('pages through all, each once, though machines come and go', async () => {
    const bmc_url = 'https://chassis.test'
    for (const n of [1, 2, 3]) {
      await machines.add(input('SAME', { bmc_url, system_uri: `/redfish/v1/Systems/${n}` }))
    }
    for (const serial of ['A', 'Z']) await machines.add(input(serial))
    const seen: string[] = []
    let afterSerial = ''
    for (;;) {
      const [machine] = await machines.list({ labels: [], limit: 1, afterSerial })
      if (!machine) break
      seen.push(`${machine.serial}${machine.bmc.systemUri ?? ''}`)
      afterSerial = `${machine.serial}\0${machine.id}`
      if (seen.length === 2) await machines.add(input('B'))
    }
    expect(seen.toSorted()).toEqual([
      'A',
      'SAME/redfish/v1/Systems/1',
      'SAME/redfish/v1/Systems/2',
      'SAME/redfish/v1/Systems/3',
      'Z',
    ])
    expect(seen.at(-1)).toBe('Z')
  })

  test('wants every label that is asked for', async () => {
    await machines.add(input('S1', { labels: { rack: '1', role: 'db' } }))
    await machines.add(input('S2', { labels: { rack: '1' } }))
    const serials = async (...labels: [string, string][]) =>
      (await machines.list({ labels, limit: 10, afterSerial: '' })).map((each) => each.serial)
    expect(await serials(['rack', '1'])).toEqual(['S1', 'S2'])
    expect(await serials(['rack', '1'], ['role', 'db'])).toEqual(['S1'])
    expect(await serials(['rack', '2'])).toEqual([])
    expect(await serials(['rack', "1' or 1=1--"])).toEqual([])
  })
})
