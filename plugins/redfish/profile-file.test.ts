// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { ControllerIdentity, ControllerRules } from '../../core/jobs/controller.ts'
import { ProfileRules } from '../../schemas/controller-profile.ts'
import { knows, readProfile } from './profile-file.ts'

const identity: ControllerIdentity = {
  vendor: 'Example Corp',
  product: '',
  redfishVersion: '1.9.0',
  systemManufacturer: 'Example Corp',
  systemModel: 'Rack 9000',
  managerModel: 'EBMC',
  managerFirmware: 'EBMC v2.10.3 (2026)',
  oem: ['Example'],
}

const file = (match: readonly object[], rules: object = { bootTarget: 'UsbCd' }) =>
  readProfile({ name: 'my-bmc', match, rules }, 'my.json')

test('a file can say every rule that code can', () => {
  // Does not compile when a rule is missing in the schema.
  const entries: Record<keyof ControllerRules, unknown> = ProfileRules.entries
  expect(Object.keys(entries).length).toBeGreaterThan(10)
})

describe('a profile of a file', () => {
  test.each([
    { name: 'vendor', match: { vendor: '^example' }, because: 'vendor Example Corp' },
    { name: 'model', match: { systemModel: '9000$' }, because: 'systemModel Rack 9000' },
    { name: 'OEM key', match: { oem: '^example$' }, because: 'OEM key Example' },
    {
      name: 'firmware in range',
      match: { firmwareFrom: '2.9', firmwareBelow: '2.11' },
      because: 'firmware 2.10.3',
    },
    {
      name: 'two facts',
      match: { vendor: 'example', managerModel: 'EBMC' },
      because: 'vendor Example Corp, managerModel EBMC',
    },
  ])('matches by $name and says so', ({ match, because }) => {
    expect(knows(file([match]), 'my.json')(identity)).toEqual({
      name: 'my-bmc',
      because: `my.json: ${because}`,
      rules: { bootTarget: 'UsbCd' },
    })
  })

  test.each([
    { name: 'another vendor', match: { vendor: '^other' } },
    { name: 'one fact of two', match: { vendor: 'example', systemModel: 'Blade' } },
    { name: 'another OEM key', match: { oem: 'Other' } },
    { name: 'older firmware', match: { firmwareBelow: '2.10.3' } },
    { name: 'newer firmware', match: { firmwareFrom: '2.10.4' } },
  ])('does not match $name', ({ match }) => {
    expect(knows(file([match]), 'my.json')(identity)).toBeUndefined()
  })

  test('one match of several is enough', () => {
    const known = knows(file([{ vendor: 'other' }, { oem: 'Example' }]), 'my.json')
    expect(known(identity)?.because).toBe('my.json: OEM key Example')
  })
})

describe('a file that can not be used names the key', () => {
  const good = { name: 'my-bmc', match: [{ vendor: 'x' }], rules: {} }
  test.each([
    {
      name: 'an unknown rule',
      value: { ...good, rules: { bootTraget: 'Cd' } },
      says: 'rules.bootTraget is no key of a profile; did you mean `bootTarget`?',
    },
    {
      name: 'an unknown condition',
      value: { ...good, match: [{ vender: 'x' }] },
      says: 'match.0.vender is no key of a profile; did you mean `vendor`?',
    },
    {
      name: 'no match',
      value: { ...good, match: [] },
      says: 'match: must hold at least one match',
    },
    {
      name: 'an empty match, which would be everybody',
      value: { ...good, match: [{}] },
      says: 'match.0: must name at least one thing to match',
    },
    {
      name: 'a broken pattern',
      value: { ...good, rules: { usableDrives: '(' } },
      says: 'rules.usableDrives: is no regular expression',
    },
    { name: 'no name', value: { match: good.match, rules: {} }, says: 'name is missing' },
    { name: 'a text', value: 'Cd', says: 'it: ' },
  ])('$name', ({ value, says }) => {
    expect(() => readProfile(value, 'my.json')).toThrow(
      expect.objectContaining({
        code: 'redfish.profile',
        message: expect.stringContaining(says),
      }),
    )
    expect(() => readProfile(value, 'my.json')).toThrow('The profile my.json can not be used')
  })
})
