// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import { knows, readProfile } from '../redfish/index.ts'
import { huaweiProfile } from './profile.ts'
import xfusion from './xfusion.json'

const ibmc: ControllerIdentity = {
  vendor: 'Huawei',
  product: '',
  redfishVersion: '1.0.2',
  systemManufacturer: 'Huawei',
  systemModel: '2288H V5',
  managerModel: 'iBMC',
  managerFirmware: '6.41',
  oem: ['Huawei'],
}
const nothingYet = { vendor: '', systemManufacturer: '', systemModel: '', managerFirmware: '' }

describe('the profile of a Huawei', () => {
  test('takes one image by its own action', () => {
    const found = huaweiProfile(ibmc)
    expect(found).toMatchObject({ name: 'huawei-ibmc', rules: { twoImages: false } })
    expect(Object.keys(found?.actions ?? {})).toEqual(['drives', 'insert', 'eject'])
    expect(found?.because).toContain('2288H V5')
  })

  test('is known before the login, by the service root’s OEM key, for the login needs a domain', () => {
    const login = huaweiProfile({ ...ibmc, ...nothingYet })?.rules.loginWith
    expect(login).toEqual({ Oem: { Huawei: { Domain: expect.any(String) } } })
  })

  test('is for nobody else', () => {
    const other = { vendor: 'xFusion', systemManufacturer: 'xFusion', oem: [] }
    expect(huaweiProfile({ ...ibmc, ...other })).toBeUndefined()
  })
})

test('xFusion’s is a file of rules, which matches xFusion and not Huawei', () => {
  const find = knows(readProfile(xfusion, 'xfusion.json'), 'built-in file')
  expect(find(ibmc)).toBeUndefined()
  const other = {
    vendor: 'xFusion',
    systemManufacturer: 'xFusion',
    systemModel: '2288H V7',
    oem: [],
  }
  expect(find({ ...ibmc, ...other })).toEqual({
    name: 'xfusion-ibmc',
    because: 'built-in file: vendor xFusion',
    rules: expect.objectContaining({ usableDrives: '^CD$', twoImages: false }),
  })
})
