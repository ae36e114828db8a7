// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import { fujitsuProfile } from './profile.ts'

const primergy: ControllerIdentity = {
  vendor: 'FUJITSU',
  product: '',
  redfishVersion: '1.5.0',
  systemManufacturer: 'FUJITSU',
  systemModel: 'PRIMERGY RX2540 M5',
  managerModel: 'iRMC S5',
  managerFirmware: '3.42P',
  oem: ['ts_fujitsu'],
}

test.each([
  { name: 'made by Fujitsu', is: { oem: [] }, because: 'made by FUJITSU' },
  { name: 'made by Fsas', is: { vendor: 'Fsas Technologies', oem: [] }, because: 'made by Fsas' },
  {
    name: 'known by its OEM key alone',
    is: { vendor: '', systemManufacturer: '' },
    because: 'OEM key ts_fujitsu',
  },
])('$name: fujitsu-irmc', ({ is, because }) => {
  const found = fujitsuProfile({ ...primergy, ...is })
  expect(found).toMatchObject({ name: 'fujitsu-irmc', rules: { bootTarget: 'Cd' } })
  expect(found?.because).toContain(because)
  expect(Object.keys(found?.actions ?? {})).toEqual(['drives', 'insert', 'eject'])
})

test('is for nobody else', () => {
  const other = { vendor: 'HPE', systemManufacturer: 'HPE', oem: ['Hpe'] }
  expect(fujitsuProfile({ ...primergy, ...other })).toBeUndefined()
})
