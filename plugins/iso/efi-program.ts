// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fields, utf8 } from './fields.ts'

/** File alignment, and size of the headers. */
const BLOCK = 512
/** Where the one section stands in memory. */
const SECTION_ADDRESS = 0x1000
const PE_AT = 64
const COFF_AT = PE_AT + 4
const OPTIONAL_AT = COFF_AT + 20
const OPTIONAL_SIZE = 240
const SECTION_AT = OPTIONAL_AT + OPTIONAL_SIZE

/** x86-64 code for `EFI_STATUS main(rcx = image handle, rdx = system table)`; the text follows at 24. */
const CODE = Uint8Array.of(
  ...[0x48, 0x83, 0xec, 0x28], //              0  sub rsp, 40         room that a callee may use
  ...[0x48, 0x8b, 0x4a, 0x40], //              4  mov rcx, [rdx+64]   ConOut
  ...[0x48, 0x8d, 0x15, 0x09, 0, 0, 0], //     8  lea rdx, [rip+9]    text, at 24
  ...[0xff, 0x51, 0x08], //                   15  call [rcx+8]        OutputString
  ...[0xfa], //                               18  cli                 no watchdog wakes the machine
  ...[0xf4], //                               19  hlt
  ...[0xeb, 0xfd], //                         20  jmp 19
  ...[0, 0],
)

/** UTF-16, little-endian, as UEFI writes it. */
function utf16(text: string): Uint8Array {
  const fields = new Fields(text.length * 2)
  for (let i = 0; i < text.length; i += 1) fields.le16(i * 2, text.charCodeAt(i))
  return fields.bytes
}

/** A UEFI application for x86-64 (PE32+): it prints `line` (up to 200 characters) and halts. */
export function efiProgram(line: string): Uint8Array<ArrayBuffer> {
  const code = Uint8Array.of(...CODE, ...utf16(`${line.slice(0, 200)}\r\n\0`))
  return new Fields(2 * BLOCK)
    .put(0, utf8('MZ'))
    .le32(60, PE_AT)
    .put(PE_AT, utf8('PE\0\0'))
    .le16(COFF_AT, 0x8664) // x86-64
    .le16(COFF_AT + 2, 1) // sections
    .le16(COFF_AT + 16, OPTIONAL_SIZE)
    .le16(COFF_AT + 18, 0x22) // executable, takes addresses above 2 GiB
    .le16(OPTIONAL_AT, 0x20b) // PE32+
    .le32(OPTIONAL_AT + 4, BLOCK) // size of code
    .le32(OPTIONAL_AT + 16, SECTION_ADDRESS) // entry
    .le32(OPTIONAL_AT + 20, SECTION_ADDRESS) // base of code
    .le32(OPTIONAL_AT + 32, SECTION_ADDRESS) // alignment in memory
    .le32(OPTIONAL_AT + 36, BLOCK) // and in the file
    .le32(OPTIONAL_AT + 56, 2 * SECTION_ADDRESS) // size in memory
    .le32(OPTIONAL_AT + 60, BLOCK) // size of headers
    .le16(OPTIONAL_AT + 68, 10) // EFI application
    .le32(OPTIONAL_AT + 108, 16) // directories, all empty: the code can stand anywhere
    .put(SECTION_AT, utf8('.text'))
    .le32(SECTION_AT + 8, code.length)
    .le32(SECTION_AT + 12, SECTION_ADDRESS)
    .le32(SECTION_AT + 16, BLOCK) // size in the file
    .le32(SECTION_AT + 20, BLOCK) // place in the file
    .le32(SECTION_AT + 36, 0x6000_0020) // code, may be run and read
    .put(BLOCK, code).bytes
}
