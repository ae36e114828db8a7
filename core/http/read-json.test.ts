// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import { MachineInput } from '../../schemas/machine.ts'
import type { Fault } from '../faults.ts'
import { checked } from './read-json.ts'

const machine = { serial: 'S1', bmc_url: 'https://10.0.0.5', username: 'root', password: 'canary' }

/** What is wrong with that machine, as `field: message`. */
function problems(change: object): string[] {
  try {
    checked(MachineInput, { ...machine, ...change })
    return []
  } catch (fault) {
    return ((fault as Fault).details ?? []).map(({ field, message }) => `${field}: ${message}`)
  }
}

test.each([
  ['a field that is not there', { serial: undefined }, 'serial: is missing'],
  ['a field that nobody knows', { seriall: 'x' }, 'seriall: unknown field'],
  ['an empty name', { serial: ' ' }, 'serial: is too short, the least length is 1'],
  ['a name without end', { serial: 'x'.repeat(65) }, 'serial: is too long, the most is 64'],
  [
    'a name that drives terminals',
    { serial: 'a\u001b[31m' },
    'serial: must have no control characters',
  ],
  ['a name of two lines', { serial: 'a\nb' }, 'serial: must have no control characters'],
  [
    'a name that turns the reading',
    { aliases: ['a\u202eb'] },
    'aliases[0]: must have no control characters',
  ],
  [
    'an address without a scheme',
    { bmc_url: '10.0.0.5' },
    'bmc_url: must begin with http:// or https://',
  ],
  ['half a URL', { bmc_url: 'https://' }, 'bmc_url: must be a whole URL'],
  ['a wrong type', { username: 5 }, 'username: expected string'],
])('%s is told in words', (_, change, problem) => {
  expect(problems(change)).toContain(problem)
})

test('names of other writings are names', () => {
  expect(problems({ serial: 'Ünï 日本/1', aliases: ['סרבר'] })).toEqual([])
})

test('a value is never repeated: it may be a secret', () => {
  expect(JSON.stringify(problems({ password: 'canary'.repeat(200) }))).not.toContain('canary')
})

test('a number out of its bounds is told with the bound', () => {
  const schema = v.strictObject({ limit: v.pipe(v.number(), v.maxValue(5)) })
  expect(() => checked(schema, { limit: 6 })).toThrow('limit: must be at most 5')
})
