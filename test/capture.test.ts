// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { personalityNames, startSimulator } from '../plugins/simulator/index.ts'
import { captureOf } from './contracts/captured.ts'
import { complete, post, ready } from './stage.ts'

const SYSTEMS: Readonly<Record<string, string>> = {
  'nvidia-gb200': '/redfish/v1/Systems/System_0',
  'hpe-cray-ex425': '/redfish/v1/Systems/Node0',
}

const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi
const MAC = /\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b/gi

/** Everything in the controller's own answers that would tell whose it is. */
async function namesAt(personality: string): Promise<readonly string[]> {
  await using simulator = await startSimulator({
    machines: [{ personality, serial: 'CANARY77X9' }],
  })
  const [machine] = simulator.machines
  if (!machine) throw new Error('the simulator started no machine')
  const authorization = `Basic ${btoa(`${machine.username}:${machine.password}`)}`
  const names = new Set<string>()
  const { capture } = await captureOf({ personality }, SYSTEMS[personality])
  for (const path of Object.keys(capture)) {
    if (!path.startsWith('/')) continue
    const answer = await fetch(`${machine.bmcUrl}${path}`, { headers: { authorization } })
    if (!answer.ok) continue
    const text = JSON.stringify(await answer.json(), (key, value: unknown) => {
      if (/^(SerialNumber|ServiceTag|HostName|AssetTag)$/.test(key)) names.add(String(value))
      return value
    })
    for (const found of [...(text.match(UUID) ?? []), ...(text.match(MAC) ?? [])]) names.add(found)
  }
  const telling = (name: string) => /\d/.test(name) && name.length > 5 && !/^[0:.-]+$/.test(name)
  return [...names].filter(telling)
}

test.each(personalityNames)(
  'a capture of %s holds nothing that names the unit, and was made by reading',
  async (personality) => {
    const spec = {
      ...{ personality, serial: 'CANARY77X9' },
      ...{ username: 'canary-user-5', password: 'canary-word-6' },
    }
    const { capture, requests } = await captureOf(spec, SYSTEMS[personality])
    const text = JSON.stringify(capture).toLowerCase()
    const kept = (names: readonly string[]) =>
      names.filter((name) => text.includes(name.toLowerCase()))
    expect(kept(['CANARY77X9', 'canary-user-5', 'canary-word-6'])).toEqual([])
    expect(kept(await namesAt(personality))).toEqual([])
    expect(text).toContain('"model"')
    const others = requests.filter((line) => !/^GET |^(POST|DELETE) .*\/Sessions/.test(line))
    expect(others).toEqual([])
  },
  20_000,
)

test('a captured machine runs a whole job at the simulator, by API and file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-capture-'))
  try {
    const path = join(folder, 'capture.json')
    {
      await using stage = await ready({ personality: 'lenovo-sr630v2' })
      const { running, machine } = stage
      const answer = await running.send('POST', `/api/v1/machines/${machine.serial}/capture`)
      expect(answer.status).toBe(200)
      expect(answer.body['/redfish/v1/Systems/1'].Model).toBe('ThinkSystem SR630 V2')
      expect(machine.state().sessions).toBe(0)
      await Bun.write(path, JSON.stringify(answer.body))
    }
    await using stage = await ready({ personality: path, serial: 'AGAIN-1' })
    const { running, machine } = stage
    const job = await running.until(await post(running, 'AGAIN-1'), complete)
    expect(job).toMatchObject({ result: 'succeeded', media_plan: 'two-cd' })
    expect(machine.serial).toBe('AGAIN-1')
  } finally {
    await rm(folder, { recursive: true })
  }
}, 40_000)

test.each([
  { name: 'that is not there', text: undefined, says: /can not be read/ },
  { name: 'that is no JSON', text: 'Dear Sir', says: /can not be read/ },
  { name: 'without a system', text: '{"/redfish/v1":{}}', says: /no service root and no system/ },
])('a file $name is refused with the way to make one', async ({ text, says }) => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-capture-'))
  try {
    const personality = join(folder, 'capture.json')
    if (text !== undefined) await Bun.write(personality, text)
    const start = startSimulator({ machines: [{ personality }] })
    await expect(start).rejects.toThrow(says)
    await expect(start).rejects.toThrow(/slipway machine capture/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
