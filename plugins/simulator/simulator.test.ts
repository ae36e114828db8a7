// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { selfSigned } from '../../core/certificates/self-signed.ts'
import { rawClient } from '../../test/fake-bmc/raw-client.ts'
import { startSimulator, usualNames } from './index.ts'

const machines = usualNames.map((personality) => ({ personality }))

test('each machine has an origin of its own, and all are gone after the end', async () => {
  const urls: string[] = []
  {
    await using simulator = await startSimulator({ machines })
    urls.push(...simulator.machines.map(({ bmcUrl }) => `${bmcUrl}/redfish`))
    expect(new Set(urls).size).toBe(machines.length)
    for (const url of urls)
      expect((await fetch(url, { redirect: 'manual' })).status).toBeLessThan(400)
  }
  for (const url of urls) await expect(fetch(url)).rejects.toThrow()
})

test('a port that is taken is named, also when another machine counted up to it', async () => {
  using taken = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
  const port = Number(taken.port)
  const [first] = machines
  if (!first) throw new Error('there are no personalities')
  await expect(startSimulator({ machines: [first], listen: { port } })).rejects.toThrow(
    `can not listen on 127.0.0.1:${port}`,
  )
  // Somebody else may have the port below.
  await expect(startSimulator({ machines, listen: { port: port - 1 } })).rejects.toThrow(
    new RegExp(`127\\.0\\.0\\.1:(${port - 1}|${port})`),
  )
})

test('with a key and a certificate the controllers speak HTTPS', async () => {
  const tls = selfSigned({ names: ['127.0.0.1'], days: 1 })
  await using simulator = await startSimulator({ machines, tls })
  for (const machine of simulator.machines) {
    expect(machine.bmcUrl).toStartWith('https://')
    expect((await rawClient(machine)('GET', '/redfish/v1/')).status).toBe(200)
  }
})

test('a simulator that ends in the middle of everything leaves nothing running', async () => {
  const manners = { powerOffMs: 600_000, postMs: 600_000 }
  const simulator = await startSimulator({
    machines: machines.map((machine) => ({ ...machine, manners })),
    pace: 1,
  })
  for (const machine of simulator.machines) {
    const system = machine.personality === 'dell-r750' ? 'System.Embedded.1' : '1'
    const action = `/redfish/v1/Systems/${system}/Actions/ComputerSystem.Reset`
    await rawClient(machine)('POST', action, { body: { ResetType: 'ForceOff' } })
  }
  const before = simulator.machines.map((machine) => machine.state().power)
  await simulator[Symbol.asyncDispose]()
  expect(before).toEqual(['PoweringOff', 'PoweringOff', 'PoweringOff'])
  expect(simulator.machines.map((machine) => machine.state().power)).toEqual(before)
})
