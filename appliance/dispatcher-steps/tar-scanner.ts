// SPDX-License-Identifier: AGPL-3.0-or-later
import { MiB } from '../../core/units.ts'
import { stepFaults } from './faults.ts'

/** One member of a tar archive, as its header names it. */
export interface TarEntry {
  /** Without `./` at its start and `/` at its end; empty for the root itself. */
  readonly path: string
  readonly isDirectory: boolean
}

const BLOCK = 512
/** A header that says a name for the next member is never longer. */
const LONGEST_EXTRA = MiB

const decoder = new TextDecoder()

const text = (block: Uint8Array, start: number, length: number) => {
  const field = block.subarray(start, start + length)
  const end = field.indexOf(0)
  return decoder.decode(end === -1 ? field : field.subarray(0, end))
}

/** Octal digits, or for 8 GiB and more a number in base 256 (GNU). */
function number(block: Uint8Array, start: number, length: number): number {
  const field = block.subarray(start, start + length)
  if (((field[0] ?? 0) & 0x80) === 0)
    return Number.parseInt(text(block, start, length).trim(), 8) || 0
  return field.reduce((sum, byte, index) => sum * 256 + (index === 0 ? byte & 0x7f : byte), 0)
}

const plainPath = (path: string) =>
  path
    .replace(/^(\.?\/+)+/, '')
    .replace(/^\.$/, '')
    .replace(/\/+$/, '')

/** Records of a pax header: `LENGTH KEY=VALUE\n`, the length counting bytes of the whole. */
function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const length = Number(decoder.decode(bytes.subarray(at, space)))
    if (space === -1 || !(length > 0)) break
    const record = decoder.decode(bytes.subarray(space + 1, at + length - 1))
    const equals = record.indexOf('=')
    records.set(record.slice(0, equals), record.slice(equals + 1))
    at += length
  }
  return records
}

/** Reads the headers of a tar stream as it passes by; holds one block and the name of one member. */
export class TarScanner {
  /** Bytes of a block that is not whole yet. */
  #block = new Uint8Array(BLOCK)
  #filled = 0
  /** Bytes of content, padding included, before the next header. */
  #skip = 0
  /** Content of an extra header, as it comes. */
  #extra: { readonly type: string; readonly bytes: Uint8Array; filled: number } | undefined
  #longName: string | undefined
  #pax: ReadonlyMap<string, string> | undefined
  /** An old GNU sparse member has further header blocks. */
  #moreSparse = false
  #pendingSkip = 0

  /** The members whose headers end within these bytes. Throws `step.image` for what is no tar. */
  feed(bytes: Uint8Array): readonly TarEntry[] {
    const found: TarEntry[] = []
    for (let at = 0; at < bytes.length; ) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, bytes.length - at)
        this.#keep(bytes.subarray(at, at + passed))
        this.#skip -= passed
        at += passed
        if (this.#skip === 0) this.#endExtra()
        continue
      }
      const taken = Math.min(BLOCK - this.#filled, bytes.length - at)
      this.#block.set(bytes.subarray(at, at + taken), this.#filled)
      this.#filled += taken
      at += taken
      if (this.#filled < BLOCK) break
      this.#filled = 0
      const entry = this.#header(this.#block)
      if (entry) found.push(entry)
    }
    return found
  }

  #keep(bytes: Uint8Array): void {
    const extra = this.#extra
    if (!extra) return
    const room = extra.bytes.length - extra.filled
    extra.bytes.set(bytes.subarray(0, Math.min(room, bytes.length)), extra.filled)
    extra.filled += Math.min(room, bytes.length)
  }

  #endExtra(): void {
    const extra = this.#extra
    this.#extra = undefined
    if (extra?.type === 'L') this.#longName = text(extra.bytes, 0, extra.bytes.length)
    if (extra?.type === 'x') this.#pax = paxRecords(extra.bytes)
  }

  #header(block: Uint8Array): TarEntry | undefined {
    if (this.#moreSparse) {
      this.#moreSparse = block[504] === 1
      if (!this.#moreSparse) this.#skip = this.#pendingSkip
      return undefined
    }
    // Two blocks of zeros end the archive; what follows is padding.
    if (block.every((byte) => byte === 0)) return undefined
    if (text(block, 257, 5) !== 'ustar' && number(block, 148, 8) !== checksum(block)) {
      throw stepFaults.image('the image is no tar archive, or its middle is damaged')
    }
    const type = String.fromCharCode(block[156] ?? 0)
    const size = Number(this.#pax?.get('size') ?? number(block, 124, 12))
    const padded = Math.ceil(size / BLOCK) * BLOCK
    if (type === 'L' || type === 'K' || type === 'x' || type === 'g') {
      if (size > LONGEST_EXTRA) throw stepFaults.image('the image has a header that does not end')
      this.#extra = { type, bytes: new Uint8Array(size), filled: 0 }
      this.#skip = padded
      return undefined
    }
    const sparseName = this.#pax?.get('GNU.sparse.name')
    const path = sparseName ?? this.#pax?.get('path') ?? this.#longName ?? nameOf(block)
    this.#pax = undefined
    this.#longName = undefined
    this.#moreSparse = type === 'S' && block[482] === 1
    if (this.#moreSparse) this.#pendingSkip = padded
    else this.#skip = hasContent(type) ? padded : 0
    return { path: plainPath(path), isDirectory: type === '5' || path.endsWith('/') }
  }
}

/** Links, devices and folders carry a size at times, and never content. */
const hasContent = (type: string) => !/[1-6]/.test(type)

function nameOf(block: Uint8Array): string {
  const prefix = text(block, 257, 6) === 'ustar' && block[263] === 0x30 ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  return prefix === '' ? name : `${prefix}/${name}`
}

/** Sum of the header's bytes, its own field counted as blanks. */
function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0)
}
