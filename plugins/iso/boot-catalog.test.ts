// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { decodeBootCatalog, encodeBootCatalog, type OwnBootEntry, wordSum } from './boot-catalog.ts'

const bios: OwnBootEntry = { platform: 'bios', lba: 30, sectors: 4, bootable: true }
const efi: OwnBootEntry = { platform: 'efi', lba: 31, sectors: 720, bootable: true }

describe('a boot catalog', () => {
  test.each<readonly [string, readonly [OwnBootEntry, ...OwnBootEntry[]]]>([
    ['BIOS alone', [bios]],
    ['UEFI alone', [efi]],
    ['both', [bios, efi]],
    ['three', [bios, efi, { ...efi, lba: 99, sectors: 0 }]],
  ])('of %s reads back as written', (_, entries) => {
    expect(decodeBootCatalog(encodeBootCatalog(entries))).toEqual([...entries])
  })

  test('has the bytes that El Torito §2.1–2.4 asks for', () => {
    const catalog = encodeBootCatalog([bios, efi])
    expect(wordSum(catalog.subarray(0, 32))).toBe(0)
    expect([...catalog.subarray(0, 2), ...catalog.subarray(30, 32)]).toEqual([1, 0, 0x55, 0xaa])
    expect([...catalog.subarray(32, 44)]).toEqual([0x88, 0, 0, 0, 0, 0, 4, 0, 30, 0, 0, 0])
    expect([...catalog.subarray(64, 68)]).toEqual([0x91, 0xef, 1, 0])
    expect([...catalog.subarray(96, 108)]).toEqual([0x88, 0, 0, 0, 0, 0, 0xd0, 2, 31, 0, 0, 0])
  })

  test('skips selection criteria of an entry, and stops where no header follows', () => {
    const catalog = encodeBootCatalog([bios, efi, efi])
    // The second section: its entry is followed by an extension, then by nothing.
    catalog[64] = 0x90
    catalog[66] = 2
    catalog[128] = 0x44
    catalog[160] = 0x88
    const entries = decodeBootCatalog(catalog)
    expect(entries?.map((entry) => entry.platform)).toEqual(['bios', 'efi', 'efi'])
  })

  test.each<readonly [string, (catalog: Uint8Array) => void]>([
    ['a wrong checksum', (catalog) => void catalog.fill(7, 28, 29)],
    ['no key bytes', (catalog) => void catalog.fill(0, 30, 31)],
    ['another header', (catalog) => void catalog.fill(2, 0, 1)],
  ])('with %s is none', (_, spoil) => {
    const catalog = encodeBootCatalog([bios])
    spoil(catalog)
    expect(decodeBootCatalog(catalog)).toBeUndefined()
  })
})
