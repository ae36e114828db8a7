// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import { ciscoProfile } from './profile.ts'

const ucsx: ControllerIdentity = {
  vendor: 'Cisco Systems Inc.',
  product: '',
  redfishVersion: '1.2.0',
  systemManufacturer: 'Cisco Systems Inc',
  systemModel: 'UCSX-210C-M6',
  managerModel: 'CIMC',
  managerFirmware: '5.2(2)',
  oem: [],
}

test.each([
  { name: 'UCS X', is: {}, profile: 'cisco-ucs', advice: false },
  { name: 'CIMC 4.3', is: { managerFirmware: '4.3(2)' }, profile: 'cisco-ucs', advice: false },
  { name: 'CIMC 4.2', is: { managerFirmware: '4.2(1a)' }, profile: 'cisco-ucs', advice: true },
  { name: 'C845A M8', is: { systemModel: 'UCSC-845A-M8' }, profile: 'cisco-c845a', advice: false },
  {
    name: 'its OEM key alone',
    is: { vendor: '', systemManufacturer: '', oem: ['Cisco'] },
    profile: 'cisco-ucs',
    advice: false,
  },
])('$name: $profile passes over drives that refuse', ({ is, profile, advice }) => {
  const found = ciscoProfile({ ...ucsx, ...is })
  expect(found).toMatchObject({ name: profile, rules: { nextDrive: true, bootTarget: 'Cd' } })
  expect((found?.rules.advice ?? []).length > 0).toBe(advice)
})

test('is for nobody else', () => {
  const other = { vendor: 'HPE', systemManufacturer: 'HPE' }
  expect(ciscoProfile({ ...ucsx, ...other })).toBeUndefined()
})
