// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fields } from './fields.ts'
import { SECTOR } from './sector.ts'

/** Who starts the entry (El Torito §2.1; UEFI §13.3.2.1). */
export type BootPlatform = 'bios' | 'efi' | 'other'

const PLATFORM_BYTES = { bios: 0x00, efi: 0xef } as const
const BOOTABLE = 0x88
const LAST_HEADER = 0x91
const ENTRY = 32

/** Sector counts of a boot catalog are in these, whatever the medium has. */
export const VIRTUAL_SECTOR = 512

export interface BootEntry {
  readonly platform: BootPlatform
  /** First sector of the image, of 2 KiB. */
  readonly lba: number
  /** Sectors of 512 bytes to load; for UEFI 0 or 1 means: up to the end of the medium. */
  readonly sectors: number
  readonly bootable: boolean
}

/** What a writer asks for: only platforms with a number of their own. */
export type OwnBootEntry = BootEntry & { readonly platform: keyof typeof PLATFORM_BYTES }

function bootEntry({ lba, sectors }: BootEntry): Uint8Array {
  // Media type 0: no emulation. Load segment 0: the usual one.
  return new Fields(ENTRY).u8(0, BOOTABLE).le16(6, sectors).le32(8, lba).bytes
}

function validationEntry(platform: OwnBootEntry['platform']): Uint8Array {
  const fields = new Fields(ENTRY)
    .u8(0, 1)
    .u8(1, PLATFORM_BYTES[platform])
    .u8(30, 0x55)
    .u8(31, 0xaa)
  // All 16 words together come to 0.
  return fields.le16(28, -wordSum(fields.bytes) & 0xffff).bytes
}

/** Sum of the little-endian words, 16 bits. */
export function wordSum(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += (bytes[i] ?? 0) + ((bytes[i + 1] ?? 0) << 8)
  return sum & 0xffff
}

/** One sector: the first entry is the default one, the others have a section header each. */
export function encodeBootCatalog(entries: readonly [OwnBootEntry, ...OwnBootEntry[]]): Uint8Array {
  const [first, ...others] = entries
  const fields = new Fields(SECTOR)
    .put(0, validationEntry(first.platform))
    .put(ENTRY, bootEntry(first))
  others.forEach((entry, i) => {
    const at = ENTRY * (2 + 2 * i)
    const last = i === others.length - 1
    fields
      .u8(at, last ? LAST_HEADER : LAST_HEADER - 1)
      .u8(at + 1, PLATFORM_BYTES[entry.platform])
      .le16(at + 2, 1)
      .put(at + ENTRY, bootEntry(entry))
  })
  return fields.bytes
}

const platformOf = (byte: number | undefined): BootPlatform =>
  byte === PLATFORM_BYTES.bios ? 'bios' : byte === PLATFORM_BYTES.efi ? 'efi' : 'other'

function entryAt(catalog: DataView, at: number, platform: BootPlatform): BootEntry {
  return {
    platform,
    bootable: catalog.getUint8(at) === BOOTABLE,
    sectors: catalog.getUint16(at + 6, true),
    lba: catalog.getUint32(at + 8, true),
  }
}

/** The entries of a catalog's first sector (no known medium has more); undefined when it is none. */
export function decodeBootCatalog(bytes: Uint8Array): readonly BootEntry[] | undefined {
  const valid = bytes[0] === 1 && bytes[30] === 0x55 && bytes[31] === 0xaa
  if (!valid || wordSum(bytes.subarray(0, ENTRY)) !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries = [entryAt(view, ENTRY, platformOf(bytes[1]))]
  for (let at = ENTRY * 2; at + ENTRY <= bytes.length; ) {
    const header = bytes[at]
    if (header !== LAST_HEADER && header !== LAST_HEADER - 1) break
    const platform = platformOf(bytes[at + 1])
    let left = view.getUint16(at + 2, true)
    for (at += ENTRY; left > 0 && at + ENTRY <= bytes.length; at += ENTRY) {
      // 0x44 goes on with the selection criteria of the entry before.
      if (bytes[at] === 0x44) continue
      entries.push(entryAt(view, at, platform))
      left -= 1
    }
    if (header === LAST_HEADER) break
  }
  return entries
}
