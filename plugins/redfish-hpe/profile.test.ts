// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import { hpeProfile } from './profile.ts'

/** As captured from a DL360 Gen10 Plus, iLO 5 3.11. */
const ilo5: ControllerIdentity = {
  vendor: 'HPE',
  product: 'ProLiant DL360 Gen10 Plus',
  redfishVersion: '1.20.0',
  systemManufacturer: 'HPE',
  systemModel: 'ProLiant DL360 Gen10 Plus',
  managerModel: 'iLO 5',
  managerFirmware: 'iLO 5 v3.11',
  oem: ['Hpe'],
}
/** As captured from a DL360 Gen12. */
const ilo7 = { managerModel: 'iLO 7', managerFirmware: '1.14.00 May 28 2025' }

describe('the profile of an HPE', () => {
  test.each([
    { name: 'iLO 5 as captured', is: {}, profile: 'hpe-ilo5', firmware: '3.11' },
    { name: 'iLO 7 as captured', is: ilo7, profile: 'hpe-ilo7', firmware: '1.14.00' },
    {
      name: 'iLO 6',
      is: { managerModel: 'iLO 6', managerFirmware: 'iLO 6 v1.62' },
      profile: 'hpe-ilo6',
      firmware: '1.62',
    },
    {
      name: 'iLO 4',
      is: { managerModel: 'iLO 4', managerFirmware: 'iLO 4 v2.82', oem: ['Hp'] },
      profile: 'hpe-ilo4',
      firmware: '2.82',
    },
    {
      name: 'iLO 4 by its OEM key alone',
      is: {
        vendor: '',
        systemManufacturer: '',
        managerModel: '',
        managerFirmware: '',
        oem: ['Hp'],
      },
      profile: 'hpe-ilo4',
      firmware: 'OEM key Hp',
    },
  ])('$name: $profile', ({ is, profile, firmware }) => {
    const found = hpeProfile({ ...ilo5, ...is })
    expect(found).toMatchObject({ name: profile, rules: { bootTarget: 'Cd' } })
    expect(found?.because).toContain(firmware)
  })

  test('only iLO 4 has actions of its own, and is never sent what it rejects', () => {
    const ilo4 = hpeProfile({ ...ilo5, managerModel: 'iLO 4', managerFirmware: '2.82' })
    expect(Object.keys(ilo4?.actions ?? {})).toEqual(['drives', 'insert', 'eject'])
    expect(ilo4?.rules.insertWithout).toEqual(['Inserted', 'WriteProtected'])
    expect(hpeProfile(ilo5)?.actions).toBeUndefined()
  })

  test.each([
    { managerFirmware: 'iLO 6 v1.56', older: true },
    { managerFirmware: 'iLO 6 v1.57', older: false },
  ])('advises about $managerFirmware: $older', ({ managerFirmware, older }) => {
    const advice = hpeProfile({ ...ilo5, managerModel: 'iLO 6', managerFirmware })?.rules.advice
    expect(advice?.join().includes('older than 1.57')).toBe(older)
  })

  test('a Cray node is told apart: it has no media', () => {
    const cray = { vendor: 'HPE', systemModel: 'HPE CRAY EX425 (MILAN)', managerModel: '', oem: [] }
    const found = hpeProfile({ ...ilo5, ...cray, managerFirmware: '' })
    expect(found?.name).toBe('hpe-cray')
    expect(found?.rules.mediaRemedy).toContain('network')
  })

  test('is for nobody else', () => {
    const other = { vendor: 'Dell', systemManufacturer: 'Dell Inc.', oem: ['Dell'] }
    expect(hpeProfile({ ...ilo5, ...other })).toBeUndefined()
  })
})
