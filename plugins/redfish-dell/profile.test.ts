// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import { dellProfile } from './profile.ts'

/** As captured from a PowerEdge R750, iDRAC 9 6.00.30.00. */
const r750: ControllerIdentity = {
  vendor: 'Dell',
  product: 'Integrated Dell Remote Access Controller',
  redfishVersion: '1.13.1',
  systemManufacturer: 'Dell Inc.',
  systemModel: 'PowerEdge R750',
  managerModel: '15G Monolithic',
  managerFirmware: '6.00.30.00',
  oem: ['Dell'],
}

describe('the profile of a Dell', () => {
  test.each([
    { name: 'R750 as captured', is: {}, profile: 'dell-idrac9', two: true },
    {
      name: 'newer iDRAC 9',
      is: { managerFirmware: '7.10.50.00' },
      profile: 'dell-idrac9',
      two: true,
    },
    {
      name: 'the first that takes two',
      is: { managerFirmware: '6.00.02.00' },
      profile: 'dell-idrac9',
      two: true,
    },
    {
      name: 'older iDRAC 9',
      is: { managerFirmware: '5.10.50.00' },
      profile: 'dell-idrac-one-image',
      two: false,
    },
    {
      name: 'iDRAC 8',
      is: { managerModel: '13G Monolithic', managerFirmware: '2.84.84.84' },
      profile: 'dell-idrac-boot-by-configuration',
      two: false,
    },
    {
      name: 'iDRAC 10',
      is: { managerModel: '17G Monolithic', managerFirmware: '1.20.50.50' },
      profile: 'dell-idrac10',
      two: true,
    },
    {
      name: 'no firmware told',
      is: { managerFirmware: '' },
      profile: 'dell-idrac-boot-by-configuration',
      two: false,
    },
    { name: 'known by its OEM key alone', is: { vendor: '' }, profile: 'dell-idrac9', two: true },
  ])('$name: $profile', ({ is, profile, two }) => {
    const found = dellProfile({ ...r750, ...is })
    expect(found).toMatchObject({ name: profile, rules: { skuIsSerial: true, bootTarget: 'Cd' } })
    expect(found?.rules.twoImages !== false).toBe(two)
    expect(found?.because).toContain('Dell')
  })

  test.each([
    { systemModel: 'PowerEdge R740', managerFirmware: '4.40.00.00', byConfiguration: true },
    { systemModel: 'PowerEdge R740', managerFirmware: '4.40.10.00', byConfiguration: false },
    { systemModel: 'PowerEdge R7525', managerFirmware: '4.40.10.00', byConfiguration: true },
    { systemModel: 'PowerEdge R7525', managerFirmware: '6.00.02.00', byConfiguration: false },
  ])(
    'a $systemModel with $managerFirmware boots by configuration: $byConfiguration',
    ({ byConfiguration, ...is }) => {
      expect(dellProfile({ ...r750, ...is })?.actions !== undefined).toBe(byConfiguration)
    },
  )

  test('takes two images in the system’s drives, and boots the first', () => {
    const rules = dellProfile(r750)?.rules
    const usable = new RegExp(rules?.usableDrives ?? '-')
    expect(usable.test('/redfish/v1/Systems/System.Embedded.1/VirtualMedia/2')).toBe(true)
    expect(usable.test('/redfish/v1/Managers/iDRAC.Embedded.1/VirtualMedia/CD')).toBe(false)
    expect(rules?.bootDrives).toEqual(['^1$'])
  })

  test('advises against firmware that is not reliable, and is silent on newer', () => {
    expect(dellProfile(r750)?.rules.advice?.join()).toContain('6.10.30.00')
    expect(dellProfile({ ...r750, managerFirmware: '6.10.30.00' })?.rules.advice).toEqual([])
  })

  test('is kept as JSON without loss', () => {
    const profile = dellProfile(r750)
    expect(JSON.parse(JSON.stringify(profile))).toEqual(profile)
  })

  test('is for nobody else', () => {
    expect(dellProfile({ ...r750, vendor: 'HPE', oem: ['Hpe'] })).toBeUndefined()
  })
})
