// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtInPlugins } from '../appliance/plugins.ts'
import { addSimulated, startAppliance } from './harness.ts'

/** A file of rules, and an appliance that is told of it. */
async function withProfile(content: string) {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-profile-'))
  const path = join(folder, 'my.json')
  await Bun.write(path, content)
  return {
    path,
    start: () => startAppliance({ set: [`redfish.profiles=${path}`] }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

test('a profile of a file is asked before the built-in ones, and changes the plan', async () => {
  const profile = {
    name: 'our-dells',
    covers: 'all of ours',
    match: [{ vendor: '^dell$', firmwareFrom: '6.0' }],
    rules: { twoImages: false, usableDrives: '/Systems/', advice: ['Only one image here.'] },
  }
  await using file = await withProfile(JSON.stringify(profile))
  await using running = await file.start()
  await using simulator = await addSimulated(running, { personality: 'dell-r750' })
  const [{ serial }] = simulator.machines
  const { body } = await running.send('POST', `/api/v1/machines/${serial}/probe`)
  expect(body).toMatchObject({
    profile: 'our-dells',
    profile_because: `${file.path}: vendor Dell, firmware 6.00.30.00`,
    media_plan: 'one',
    warnings: expect.arrayContaining(['Only one image here.']),
  })
})

test.each([
  {
    name: 'an unknown rule',
    content: '{"name":"x","match":[{"vendor":"x"}],"rules":{"twoImage":true}}',
    says: 'rules.twoImage is no key of a profile; did you mean `twoImages`?',
  },
  { name: 'no JSON', content: '{"name":', says: 'is no JSON' },
])('a file with $name stops the start and is named', async ({ content, says }) => {
  await using file = await withProfile(content)
  const refused = await file.start().catch((error: unknown) => error)
  expect(String(refused)).toContain(says)
  expect(String(refused)).toContain(file.path)
})

test('a file that is not there stops the start', async () => {
  const start = startAppliance({ set: ['redfish.profiles=/nowhere/my.json'] })
  await expect(start).rejects.toThrow('The profile /nowhere/my.json can not be read')
})

test('every plugin of a vendor says which controllers it knows', () => {
  const vendors = builtInPlugins.filter(({ name }) => name.startsWith('redfish-'))
  expect(vendors.length).toBeGreaterThan(4)
  const silent = vendors.filter(({ profiles = [] }) => profiles.length === 0)
  expect(silent.map(({ name }) => name)).toEqual([])
  const names = vendors.flatMap(({ profiles = [] }) => profiles.map(({ name }) => name))
  expect(new Set(names).size).toBe(names.length)
})

test('the executable lists them, and prints one that is data as a file to begin with', async () => {
  const command = builtInPlugins
    .find(({ name }) => name === 'redfish')
    ?.commands?.find(({ name }) => name === 'profiles')
  if (!command || !('run' in command)) throw new Error('no such command')
  const run = async (...args: string[]) => {
    const written: string[] = []
    const before = process.stdout.write
    process.stdout.write = (text) => written.push(String(text)) > 0
    try {
      return { code: await command.run(args, builtInPlugins), out: written.join('') }
    } finally {
      process.stdout.write = before
    }
  }
  expect((await run()).out).toMatch(/^dell-idrac9 +redfish-dell /m)
  const { profiles } = JSON.parse((await run('--json')).out)
  expect(profiles).toContainEqual(
    expect.objectContaining({ name: 'hpe-ilo4', plugin: 'redfish-hpe' }),
  )
  const printed = await run('xfusion-ibmc')
  await using file = await withProfile(printed.out)
  await using running = await file.start()
  await using simulator = await addSimulated(running, { personality: 'xfusion-2288h-v7' })
  const [{ serial }] = simulator.machines
  const { body } = await running.send('POST', `/api/v1/machines/${serial}/probe`)
  expect(body.profile_because).toBe(`${file.path}: vendor xFusion`)
})
