// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import { supermicroProfile } from './profile.ts'

/** As captured from a SYS-821GE-TNHR (X13), BMC 11.01.01. */
const x13: ControllerIdentity = {
  vendor: 'Supermicro',
  product: '',
  redfishVersion: '1.11.0',
  systemManufacturer: 'Supermicro',
  systemModel: 'SYS-821GE-TNHR',
  managerModel: 'ASPEED',
  managerFirmware: '11.01.01',
  oem: ['Supermicro'],
}

describe('the profile of a Supermicro', () => {
  test.each([
    { name: 'X13 as captured', is: {}, profile: 'supermicro', target: 'UsbCd', two: true },
    {
      name: 'an X11 board',
      is: { systemModel: 'X11SDV-4C-TLN2F' },
      profile: 'supermicro-x11',
      target: 'UsbCd',
      two: false,
    },
    {
      name: 'an X10 board',
      is: { systemModel: 'X10DRT-P' },
      profile: 'supermicro-x10',
      target: 'UsbCd',
      two: false,
    },
    {
      name: 'an OpenBMC-based board',
      is: { systemModel: 'ARS-221GL-NR', oem: ['Supermicro', 'OpenBmc'] },
      profile: 'supermicro-openbmc',
      target: 'UsbCd',
      two: true,
    },
    {
      name: 'an X12 board',
      is: { systemModel: 'X12STW-TF' },
      profile: 'supermicro-x12',
      target: 'UsbCd',
      two: false,
    },
    {
      name: 'an H13 board',
      is: { systemModel: 'H13SRD-F' },
      profile: 'supermicro',
      target: 'UsbCd',
      two: true,
    },
    {
      name: 'the Grace server',
      is: { systemModel: 'ARS-111GL-NHR' },
      profile: 'supermicro-arm',
      target: 'Cd',
      two: true,
    },
    {
      name: 'known by its OEM key alone',
      is: { vendor: '', systemManufacturer: '' },
      profile: 'supermicro',
      target: 'UsbCd',
      two: true,
    },
  ])('$name: $profile', ({ is, profile, target, two }) => {
    const found = supermicroProfile({ ...x13, ...is })
    expect(found).toMatchObject({
      name: profile,
      rules: { bootTarget: target, fullBootTriple: true },
    })
    expect(found?.rules.twoImages !== false).toBe(two)
  })

  test('X11 and X12 are never sent what they reject', () => {
    for (const systemModel of ['X11SDV-4C-TLN2F', 'X12STW-TF']) {
      const rules = supermicroProfile({ ...x13, systemModel })?.rules
      expect(rules?.insertWithout).toEqual(['Inserted', 'WriteProtected'])
    }
  })

  test('SKU is no serial', () => {
    expect(supermicroProfile(x13)?.rules.skuIsSerial).toBeUndefined()
  })

  test('is kept as JSON without loss', () => {
    const profile = supermicroProfile(x13)
    expect(JSON.parse(JSON.stringify(profile))).toEqual(profile)
  })

  test('is for nobody else', () => {
    const other = { vendor: 'Lenovo', systemManufacturer: 'Lenovo', oem: ['Lenovo'] }
    expect(supermicroProfile({ ...x13, ...other })).toBeUndefined()
  })
})
