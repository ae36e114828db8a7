// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { join } from 'node:path'
import { connect } from 'node:tls'
import * as v from 'valibot'
import { MachineImport } from '../../schemas/machine.ts'
import { readArguments, readMachine } from './arguments.ts'

const executable = join(import.meta.dir, '../../appliance/main.ts')

/** `slipway simulator …` as a process of its own, which ends with its scope. */
const start = (...args: string[]) =>
  Bun.spawn([process.execPath, executable, 'simulator', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })

/** What it has printed when it is ready. */
async function firstOutput(stream: ReadableStream<Uint8Array>, end: string): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of stream) {
    text += decoder.decode(piece, { stream: true })
    if (text.endsWith(end)) return text
  }
  throw new Error(`ended with: ${text}`)
}

test('it prints what machine import takes, serves, and ends at SIGTERM with 0', async () => {
  await using child = start('--json', '--pace', '0')
  const text = await firstOutput(child.stdout, '}\n')
  const { machines } = v.parse(MachineImport, JSON.parse(text))
  expect(machines.map(({ labels }) => labels?.['simulated'])).toEqual([
    'dell-r750',
    'supermicro-x13',
    'hpe-dl360',
  ])
  expect(new Set(machines.map(({ bmc_url }) => bmc_url)).size).toBe(3)
  for (const { bmc_url, username, password } of machines) {
    const headers = { authorization: `Basic ${btoa(`${username}:${password}`)}` }
    expect((await fetch(`${bmc_url}/redfish/v1/Systems`, { headers })).status).toBe(200)
  }
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
})

test('with --https its certificate is the one that the list pins', async () => {
  await using child = start('--json', '--https', '--machine', 'dell-r750')
  const [machine] = JSON.parse(await firstOutput(child.stdout, '}\n')).machines
  expect(machine.bmc_url).toStartWith('https://127.0.0.1:')
  const port = Number(new URL(machine.bmc_url).port)
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  expect(socket.getPeerCertificate().fingerprint256).toBe(machine.tls.fingerprint)
  socket.destroy()
})

test('in plain words it names each machine, and says what happens on stderr', async () => {
  await using child = start('--machine', 'hpe-dl360:S9', '--password', 'pw', '--pace', '0')
  const text = await firstOutput(child.stdout, 'import\n')
  const [, url = ''] = /^hpe-dl360 +S9 +(http:\S+) {2}admin pw$/m.exec(text) ?? []
  const reset = await fetch(`${url}/redfish/v1/Systems/1/Actions/ComputerSystem.Reset`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('admin:pw')}` },
    body: JSON.stringify({ ResetType: 'ForceRestart' }),
  })
  expect(reset.status).toBe(200)
  expect(await firstOutput(child.stderr, '\n')).toContain('S9 boot: from disk')
})

test.each([
  [['--machine', 'vax'], /no personality vax; take dell-r750/],
  [['--machine', 'dell-r750,script=fly'], /no machine script fly/],
  [['--listen', '0.0.0.0'], /one address of this host/],
  [['--pace', 'fast'], /number from 0 to 1000/],
  [['--base-port', '70000'], /number from 0 to 65535/],
  [['--mashine', 'x'], /mashine/],
])('%j is refused in one sentence with exit code 2', async (args, sentence) => {
  await using child = start(...args)
  expect(await child.exited).toBe(2)
  expect(await child.stderr.text()).toMatch(sentence)
})

describe('--machine', () => {
  test.each([
    ['dell-r750', { personality: 'dell-r750' }],
    ['dell-r750:S1', { personality: 'dell-r750', serial: 'S1' }],
    ['dell-r750:S1:silent', { personality: 'dell-r750', serial: 'S1', script: 'silent' }],
    ['dell-r750::silent', { personality: 'dell-r750', script: 'silent' }],
    [
      'hpe-dl360,script=fail-at=partition.service',
      { personality: 'hpe-dl360', script: 'fail-at=partition.service' },
    ],
    [
      'hpe-dl360,serial=S1,script=crash-at=image-linux.service',
      { personality: 'hpe-dl360', serial: 'S1', script: 'crash-at=image-linux.service' },
    ],
  ])('%s', (text, spec) => {
    expect(readMachine(text)).toEqual(spec)
  })

  test.each(['dell-r750:S1:silent:more', 'dell-r750,serial=S1,serial=S2'])('not %s', (text) => {
    expect(() => readMachine(text)).toThrow('at most')
  })
})

test('without options there is one machine of each vendor on free ports of loopback', () => {
  expect(readArguments([])).toEqual({
    machines: [
      { personality: 'dell-r750' },
      { personality: 'supermicro-x13' },
      { personality: 'hpe-dl360' },
    ],
    host: '127.0.0.1',
    port: 0,
    pace: 0.1,
    https: false,
    json: false,
    quiet: false,
    help: false,
  })
})
