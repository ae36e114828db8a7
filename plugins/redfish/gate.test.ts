// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createGate, createGates } from './gate.ts'

const OPTIONS = { concurrencyPerBmc: 2, breakerFailures: 3, breakerPauseMs: 30_000 }
const never = new AbortController().signal

test('at most so many go through at a time, the others in their order', async () => {
  const gate = createGate('bmc', OPTIONS, () => 0)
  const order: number[] = []
  let inside = 0
  let most = 0
  const gates = Array.from({ length: 6 }, () => Promise.withResolvers<void>())
  const passes = gates.map((one, index) =>
    gate.pass(never, async () => {
      order.push(index)
      most = Math.max(most, ++inside)
      await one.promise
      inside--
    }),
  )
  for (const one of gates) {
    one.resolve()
    await Bun.sleep(0)
  }
  await Promise.all(passes)
  expect(most).toBe(2)
  expect(order).toEqual([0, 1, 2, 3, 4, 5])
})

test('who is aborted while waiting leaves the queue', async () => {
  const gate = createGate('bmc', { ...OPTIONS, concurrencyPerBmc: 1 }, () => 0)
  const first = Promise.withResolvers<void>()
  const running = gate.pass(never, () => first.promise)
  const abort = new AbortController()
  const waiting = gate.pass(abort.signal, async () => 'went')
  const last = gate.pass(never, async () => 'last')
  abort.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  first.resolve()
  await running
  expect(await last).toBe('last')
})

test('after too many failures it is shut for a while, and says so', async () => {
  let now = 0
  const gate = createGate('10.0.0.5', OPTIONS, () => now)
  for (let time = 0; time < 3; time++) gate.failed(new Error('No route to it.'))
  await expect(gate.pass(never, async () => 1)).rejects.toMatchObject({
    code: 'redfish.cooling-down',
    retryAfterSeconds: 30,
    message: expect.stringMatching(/10\.0\.0\.5 failed.*No route to it\./),
  })
  now = 30_000
  expect(await gate.pass(never, async () => 1)).toBe(1)
  // Still broken: one more failure is enough.
  gate.failed(new Error('No route to it.'))
  await expect(gate.pass(never, async () => 1)).rejects.toMatchObject({
    code: 'redfish.cooling-down',
  })
})

test('an answer opens it again', async () => {
  const gate = createGate('bmc', OPTIONS, () => 0)
  gate.failed(new Error('No route to it.'))
  gate.failed(new Error('No route to it.'))
  gate.answered()
  gate.failed(new Error('No route to it.'))
  expect(await gate.pass(never, async () => 1)).toBe(1)
})

test('one gate for an origin, whoever asks', () => {
  const gateOf = createGates(OPTIONS, () => 0)
  expect(gateOf('https://10.0.0.5')).toBe(gateOf('https://10.0.0.5'))
  expect(gateOf('https://10.0.0.6')).not.toBe(gateOf('https://10.0.0.5'))
})
