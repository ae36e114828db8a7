// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { openMachine } from '../../test/fake-bmc/raw-client.ts'
import { type Embodiment, embody } from './embody.ts'
import { personalityNames, startSimulator } from './index.ts'
import digests from './personalities/digests.json'
import { captured } from './personalities.ts'
import { isResource } from './wire.ts'

const digestsOf: Record<string, Record<string, string>> = digests
const sha256 = (value: unknown) =>
  new Bun.CryptoHasher('sha256').update(JSON.stringify(value)).digest('hex')

/** Every serial and UUID that the tree of a unit shows. */
function namesIn({ resources }: Embodiment): string[] {
  const names: string[] = []
  JSON.stringify([...resources], (key, value: unknown) => {
    if (/^(SerialNumber|UUID|ServiceTag)$/.test(key) && value) names.push(String(value))
    return value
  })
  return names
}

/** Nobody is logged in and nothing runs, whatever was so when the capture was taken. */
const LIVE = ['/redfish/v1/SessionService/Sessions', '/redfish/v1/TaskService/Tasks']

describe.each(Object.entries(captured))('%s', (personality, { resources }) => {
  test('holds what was captured, unchanged', () => {
    const found = Object.entries(resources).map(([path, resource]) => [path, sha256(resource)])
    expect(Object.fromEntries(found)).toEqual(digestsOf[personality])
  })

  test('serves every untouched resource byte for byte as captured', async () => {
    await using open = await openMachine({ personality })
    for (const [path, resource] of Object.entries(resources)) {
      if (LIVE.includes(path)) continue
      const { status, body } = await open.send('GET', `${path}/`)
      expect([path, status]).toEqual([path, 200])
      // Clocks go on.
      if (isResource(resource) && resource['DateTime']) body.DateTime = resource['DateTime']
      // Machines begin on; sushy-tools' was off.
      if (isResource(resource) && resource['PowerState']) body.PowerState = resource['PowerState']
      expect([path, sha256(body)]).toEqual([path, sha256(resource)])
    }
  })
})

describe.each(personalityNames)('%s', (personality) => {
  test('gives a unit with another serial its own serial and UUID wherever they stand', async () => {
    const own = embody(personality, undefined)
    await using open = await openMachine({ personality, serial: 'UNIT-7' })
    const { body } = await open.send('GET', `${own.systemUri}/`)
    expect(body[own.manners.serialAt]).toBe('UNIT-7')
    expect(body.UUID).not.toBe(own.uuid)
    const [capturedNames, names] = [own, embody(personality, 'UNIT-7')].map(namesIn)
    expect(names?.length).toBe(capturedNames?.length ?? 0)
    expect(names?.filter((name) => capturedNames?.includes(name))).toEqual([])
  })

  test('has a system that can be reset', () => {
    const { resources, systemUri } = embody(personality, undefined)
    const actions = resources.get(systemUri)?.['Actions']
    expect(isResource(actions) && '#ComputerSystem.Reset' in actions).toBe(true)
  })
})

test('machines of one personality get serials and UUIDs of their own', async () => {
  const machines = Array.from({ length: 3 }, () => ({ personality: 'dell-r750' }))
  await using simulator = await startSimulator({ machines })
  const serials = simulator.machines.map(({ serial }) => serial)
  expect(serials).toEqual(['F54P1G3', 'F54P1G3-2', 'F54P1G3-3'])
  expect(new Set(simulator.machines.map(({ password }) => password)).size).toBe(3)
})

test('an unknown personality is refused with the names there are', async () => {
  const start = startSimulator({ machines: [{ personality: 'vax' }] })
  await expect(start).rejects.toThrow(/vax.*dell-r750, supermicro-x13, hpe-dl360/)
})
