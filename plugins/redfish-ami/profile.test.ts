// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import { amiProfile } from './profile.ts'

/** As captured from a Gigabyte H262-Z63-00, AMI 12.84.13. */
const h262: ControllerIdentity = {
  vendor: 'AMI',
  product: 'AMI Redfish Server',
  redfishVersion: '1.7.0',
  systemManufacturer: 'GIGABYTE',
  systemModel: 'H262-Z63-00',
  managerModel: '410810600',
  managerFirmware: '12.84.13',
  oem: ['Ami', 'Dre', 'Vendor'],
}
const lenovo = { vendor: 'Lenovo', systemManufacturer: 'Lenovo', product: '', oem: [] }

test.each([
  { name: 'H262 as captured', is: {}, profile: 'ami-gigabyte' },
  { name: 'ASRock Rack', is: { systemManufacturer: 'ASRockRack' }, profile: 'ami-asrock' },
  { name: 'SR655', is: { ...lenovo, systemModel: 'ThinkSystem SR655' }, profile: 'ami-lenovo' },
  { name: 'DGX', is: { systemManufacturer: 'NVIDIA', systemModel: 'DGXH100' }, profile: 'ami-dgx' },
  { name: 'a seller we do not know', is: { systemManufacturer: 'Acme' }, profile: 'ami-megarac' },
  { name: 'the OEM key alone', is: { vendor: '', product: '' }, profile: 'ami-gigabyte' },
])('$name: $profile', ({ is, profile }) => {
  const found = amiProfile({ ...h262, ...is })
  expect(found).toMatchObject({ name: profile, rules: { fullBootTriple: true, unlinked: ['SD'] } })
  expect(Object.keys(found?.actions ?? {}).sort()).toEqual([
    'bootOnce',
    'clearBoot',
    'drives',
    'insert',
  ])
})

test('only a DGX is given a user and a password that are none', () => {
  const dgx = { ...h262, systemManufacturer: 'NVIDIA', systemModel: 'DGXH100' }
  expect(amiProfile(dgx)?.rules.insertWith).toEqual({ UserName: 'none', Password: 'none' })
  expect(amiProfile(h262)?.rules.insertWith).toBeUndefined()
})

test.each([
  ['an XCC', { ...lenovo, systemModel: 'ThinkSystem SR650', oem: ['Lenovo'] }],
  [
    'an SR655 V3, which has XCC',
    { ...lenovo, systemModel: 'ThinkSystem SR655 V3', oem: ['Lenovo'] },
  ],
  ['a GB200', { vendor: 'NVIDIA', product: 'GB200 NVL', oem: ['Nvidia'], systemManufacturer: '' }],
])('%s is not its', (_, is) => {
  expect(amiProfile({ ...h262, ...is })).toBeUndefined()
})
