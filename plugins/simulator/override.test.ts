// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { launchPlans, powerOff, powerOn } from '../../test/fake-bmc/launch.ts'
import { messageId, type OpenMachine, openMachine } from '../../test/fake-bmc/raw-client.ts'

const personalities = Object.keys(launchPlans)
const systemOf = ({ machine }: OpenMachine) => launchPlans[machine.personality]?.system ?? ''

async function patch(open: OpenMachine, Boot: unknown) {
  const system = systemOf(open)
  const { headers } = await open.send('GET', `${system}/`)
  const etag = headers.get('etag')
  return open.send('PATCH', system, {
    body: { Boot },
    ...(etag !== null && { headers: { 'if-match': etag } }),
  })
}

const read = async (open: OpenMachine) => (await open.send('GET', `${systemOf(open)}/`)).body.Boot

describe.each(personalities)('%s', (personality) => {
  const target = launchPlans[personality]?.target ?? ''

  test('keeps an override, shows it, and clears Once by one boot', async () => {
    await using open = await openMachine({ personality })
    await powerOff(open.machine)
    const Boot = { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: 'Once' }
    expect((await patch(open, Boot)).status).toBe(200)
    expect(await read(open)).toMatchObject(Boot)
    await powerOn(open.machine)
    await open.machine.waitFor(({ boots }) => boots.length === 1)
    expect((await read(open)).BootSourceOverrideEnabled).toBe('Disabled')
  })

  test('keeps Continuous over a boot', async () => {
    await using open = await openMachine({ personality })
    await powerOff(open.machine)
    await patch(open, { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: 'Continuous' })
    await powerOn(open.machine)
    await open.machine.waitFor(({ boots }) => boots.length === 1)
    expect((await read(open)).BootSourceOverrideEnabled).toBe('Continuous')
  })

  test.each([
    [{ BootSourceOverrideTarget: 'Moon' }, 'PropertyValueNotInList'],
    [{ BootSourceOverrideTarget: 7 }, 'PropertyValueNotInList'],
    [{ BootSourceOverrideEnabled: 'Twice' }, 'PropertyValueNotInList'],
    [{ BootSourceOverrideMode: 'Quantum' }, 'PropertyValueNotInList'],
    [{ BootOrder: [] }, 'PropertyNotWritable'],
    [{ Bootiful: true }, 'PropertyUnknown'],
    ['Cd', 'PropertyValueNotInList'],
  ])('refuses %j and changes nothing', async (Boot, id) => {
    await using open = await openMachine({ personality })
    const before = await read(open)
    const refused = await patch(open, Boot)
    expect([refused.status, messageId(refused)]).toEqual([400, expect.stringContaining(id)])
    expect(await read(open)).toEqual(before)
  })
})

test('other properties of a system can not be written', async () => {
  await using open = await openMachine({ personality: 'dell-r750' })
  const refuse = async (body: unknown) =>
    messageId(await open.send('PATCH', systemOf(open), { body }))
  expect(await refuse({ SerialNumber: 'X' })).toBe('Base.1.12.PropertyNotWritable')
  expect(await refuse({ Colour: 'red' })).toBe('Base.1.12.PropertyUnknown')
  expect(await refuse({})).toBe('Base.1.12.EmptyJSON')
})

describe('what Disabled leaves of the target', () => {
  test.each([
    ['dell-r750', 'None'],
    ['hpe-dl360', 'None'],
    // Captured so: Disabled, and the target still there.
    ['supermicro-x13', 'UsbCd'],
  ])('%s shows %s', async (personality, shown) => {
    await using open = await openMachine({ personality })
    const target = launchPlans[personality]?.target
    await patch(open, { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: 'Once' })
    await patch(open, { BootSourceOverrideEnabled: 'Disabled' })
    expect(await read(open)).toMatchObject({
      BootSourceOverrideEnabled: 'Disabled',
      BootSourceOverrideTarget: shown,
    })
  })
})

describe('an iLO', () => {
  test('wants the target before the enabling', async () => {
    await using open = await openMachine({ personality: 'hpe-dl360' })
    const refused = await patch(open, {
      BootSourceOverrideEnabled: 'Once',
      BootSourceOverrideTarget: 'Cd',
    })
    expect([refused.status, messageId(refused)]).toEqual([400, 'Base.1.12.PropertyValueConflict'])
    const Boot = { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' }
    expect((await patch(open, Boot)).status).toBe(200)
  })

  test('refuses the target None, and is cleared by Disabled alone', async () => {
    await using open = await openMachine({ personality: 'hpe-dl360' })
    await patch(open, { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' })
    const none = { BootSourceOverrideEnabled: 'Disabled', BootSourceOverrideTarget: 'None' }
    expect((await patch(open, none)).status).toBe(400)
    expect((await patch(open, { BootSourceOverrideEnabled: 'Disabled' })).status).toBe(200)
  })

  const Boot = { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' }
  const slow = { postMs: 600_000, powerOnMs: 0, powerOffMs: 0 }

  test('takes no boot settings during its self test', async () => {
    await using open = await openMachine({ personality: 'hpe-dl360', manners: slow }, { pace: 1 })
    await powerOff(open.machine)
    await powerOn(open.machine)
    await open.machine.waitFor(({ inPost }) => inPost)
    const refused = await patch(open, Boot)
    expect([refused.status, messageId(refused)]).toEqual([
      400,
      'iLO.2.15.UnableToModifyDuringSystemPOST',
    ])
    await powerOff(open.machine)
    expect((await patch(open, Boot)).status).toBe(200)
  })

  test('takes them at any time when that manner is switched off', async () => {
    const manners = { ...slow, refusesBootDuringPost: false }
    await using open = await openMachine({ personality: 'hpe-dl360', manners }, { pace: 1 })
    await powerOff(open.machine)
    await powerOn(open.machine)
    await open.machine.waitFor(({ inPost }) => inPost)
    expect((await patch(open, Boot)).status).toBe(200)
  })
})
