// SPDX-License-Identifier: AGPL-3.0-or-later
import { encodeRecord, IS_DIRECTORY } from './directory-record.ts'
import { Fields, utf8 } from './fields.ts'
import { ucs2 } from './names.ts'
import { SECTOR } from './sector.ts'
import { descriptorTime, NO_TIME } from './time.ts'

/** First bytes of a descriptor by type (ECMA-119 §8.1). */
const TYPES = { bootRecord: 0, primary: 1, supplementary: 2, terminator: 255 } as const

/** Says UCS-2 level 3 (Joliet §2.1). */
const JOLIET_ESCAPE = '%/E'

export interface VolumeFacts {
  readonly volumeId: string
  readonly sectors: number
  readonly modifiedAt: number
  readonly pathTable: { readonly sizeBytes: number; readonly lbaL: number; readonly lbaM: number }
  readonly root: { readonly lba: number; readonly sizeBytes: number }
}

const begin = (type: keyof typeof TYPES) =>
  new Fields(SECTOR).u8(0, TYPES[type]).put(1, utf8('CD001')).u8(6, 1)

/** Primary descriptor, or Joliet's supplementary one: the same fields, the texts in UCS-2. */
export function volumeDescriptor(kind: 'primary' | 'joliet', facts: VolumeFacts): Uint8Array {
  const joliet = kind === 'joliet'
  const text = (length: number, value: string) =>
    joliet ? ucs2(value.padEnd(length / 2).slice(0, length / 2)) : utf8(value.padEnd(length))
  const rootRecord = encodeRecord({
    lba: facts.root.lba,
    sizeBytes: facts.root.sizeBytes,
    flags: IS_DIRECTORY,
    identifier: Uint8Array.of(0),
    modifiedAt: facts.modifiedAt,
    systemUse: [],
  })
  const time = descriptorTime(facts.modifiedAt)
  const fields = begin(joliet ? 'supplementary' : 'primary')
    .put(8, text(32, ''))
    .put(40, text(32, facts.volumeId))
    .both32(80, facts.sectors)
    .both16(120, 1)
    .both16(124, 1)
    .both16(128, SECTOR)
    .both32(132, facts.pathTable.sizeBytes)
    .le32(140, facts.pathTable.lbaL)
    .be32(148, facts.pathTable.lbaM)
    .put(156, rootRecord)
  if (joliet) fields.put(88, utf8(JOLIET_ESCAPE))
  // Volume set, publisher, preparer and application, then copyright, abstract and bibliographic file.
  for (const at of [190, 318, 446, 574]) fields.put(at, text(128, ''))
  for (const at of [702, 739, 776]) fields.put(at, text(joliet ? 36 : 37, ''))
  return fields.put(813, time).put(830, time).put(847, NO_TIME).put(864, time).u8(881, 1).bytes
}

/** Points at the boot catalog (El Torito §2.0). Must stand in sector 17. */
export const bootRecord = (catalogLba: number): Uint8Array =>
  begin('bootRecord').put(7, utf8('EL TORITO SPECIFICATION')).le32(71, catalogLba).bytes

/** Ends the set of descriptors. */
export const terminator = (): Uint8Array => begin('terminator').bytes
