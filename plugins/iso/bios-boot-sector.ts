// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fields, utf8 } from './fields.ts'
import { SECTOR } from './sector.ts'

/** Where a BIOS puts a boot image whose entry says load segment 0. */
const LOAD_ADDRESS = 0x7c00

/**
 * 16-bit code: prints a zero-ended text by the BIOS, then halts for good.
 * The address of the text is filled in at `TEXT_ADDRESS_AT`.
 */
const CODE = Uint8Array.of(
  ...[0xea, 0x05, 0x7c, 0x00, 0x00], //  0  jmp 0000:7c05   cs = 0, some BIOSes start at 07c0:0000
  ...[0x31, 0xc0], //                    5  xor ax, ax
  ...[0x8e, 0xd8], //                    7  mov ds, ax
  ...[0xfc], //                          9  cld
  ...[0xbe, 0x00, 0x00], //             10  mov si, text
  ...[0xac], //                         13  lodsb           next character
  ...[0x84, 0xc0], //                   14  test al, al
  ...[0x74, 0x09], //                   16  jz 27           end of text
  ...[0xb4, 0x0e], //                   18  mov ah, 0eh     teletype output
  ...[0xbb, 0x07, 0x00], //             20  mov bx, 7       page 0, grey
  ...[0xcd, 0x10], //                   23  int 10h
  ...[0xeb, 0xf2], //                   25  jmp 13
  ...[0xf4], //                         27  hlt             an interrupt wakes it: halt again
  ...[0xeb, 0xfd], //                   28  jmp 27
)
const TEXT_ADDRESS_AT = 11

/** One sector of 2 KiB that a PC BIOS starts without emulation: it prints `line` (ASCII) and halts. */
export function biosBootSector(line: string): Uint8Array<ArrayBuffer> {
  return (
    new Fields(SECTOR)
      .put(0, CODE)
      .le16(TEXT_ADDRESS_AT, LOAD_ADDRESS + CODE.length)
      .put(CODE.length, utf8(`${line}\r\n`))
      // The mark of a boot sector, for BIOSes that look for it on CDs too.
      .u8(510, 0x55)
      .u8(511, 0xaa).bytes
  )
}
