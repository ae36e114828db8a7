// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import { lenovoProfile } from './profile.ts'

/** As captured from a ThinkSystem SR670 V2, XCC 2.83. */
const sr670v2: ControllerIdentity = {
  vendor: 'Lenovo',
  product: '',
  redfishVersion: '1.15.0',
  systemManufacturer: 'Lenovo',
  systemModel: 'ThinkSystem SR670 V2',
  managerModel: 'Lenovo XClarity Controller',
  managerFirmware: 'TGBT42S 2.83 2023-07-05',
  oem: ['Lenovo'],
}

test.each([
  { name: 'as captured', is: {}, old: false },
  { name: 'a V2 counts anew', is: { managerFirmware: 'AFBT 1.89' }, old: false },
  {
    name: 'the first from 2.50',
    is: { systemModel: 'ThinkSystem SR650', managerFirmware: 'CDI 2.50' },
    old: false,
  },
  {
    name: 'the first before it',
    is: { systemModel: 'ThinkSystem SR650', managerFirmware: 'CDI 2.12' },
    old: true,
  },
  {
    name: 'no firmware told',
    is: { systemModel: 'ThinkSystem SR650', managerFirmware: '' },
    old: false,
  },
  { name: 'known by its OEM key alone', is: { vendor: '', systemManufacturer: '' }, old: false },
])('an XCC, $name', ({ is, old }) => {
  const found = lenovoProfile({ ...sr670v2, ...is })
  expect(found).toMatchObject({
    name: 'lenovo-xcc',
    rules: { insertBy: 'patch', bootTarget: 'Cd' },
  })
  expect(found?.rules.advice?.join()).toContain('Enterprise or Platinum')
  expect(found?.rules.advice?.some((line) => line.includes('update it to 2.50'))).toBe(old)
})

test.each([
  ['/redfish/v1/Managers/1/VirtualMedia/EXT1', true],
  ['EXT4', true],
  ['RDOC1', false],
  ['/redfish/v1/Systems/1/VirtualMedia/Remote1', false],
])('of the listed drives %s is usable: %p', (drive, usable) => {
  const pattern = lenovoProfile(sr670v2)?.rules.usableDrives ?? '-'
  expect(new RegExp(pattern).test(drive)).toBe(usable)
})

test.each([
  ['another vendor', { vendor: 'HPE', systemManufacturer: 'HPE', oem: ['Hpe'] }],
  ['an SR655, which has AMI’s', { systemModel: 'ThinkSystem SR655' }],
  ['whatever shows AMI', { oem: ['Lenovo', 'Ami'] }],
])('%s is not its', (_, is) => {
  expect(lenovoProfile({ ...sr670v2, ...is })).toBeUndefined()
})

test('a V3 of an SR655 is an XCC again', () => {
  expect(lenovoProfile({ ...sr670v2, systemModel: 'ThinkSystem SR655 V3' })?.name).toBe(
    'lenovo-xcc',
  )
})
