// SPDX-License-Identifier: AGPL-3.0-or-later

import { isoFaults } from './faults.ts'
import { utf8 } from './fields.ts'

/** Longest name in bytes of UTF-8: Linux drops what goes beyond it (fs/isofs/rock.c stops before 254). */
const LONGEST_NAME = 253
/** File name and extension together (ECMA-119 §7.5.1). */
const LONGEST_FILE = 30
/** ECMA-119 §7.6.3. */
const LONGEST_DIRECTORY = 31
/** UCS-2 characters of a Joliet name. */
const LONGEST_JOLIET = 64
/** What follows the last dot counts as an extension up to this length. */
const LONGEST_EXTENSION = 12

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/** Throws `iso.name` for a name that one of the three name spaces can not hold. */
export function checkName(name: string, path: string): void {
  const refuse = (why: string) => isoFaults.name(`${JSON.stringify(path)} ${why}; rename it`)
  if (name === '') throw refuse('has an empty part')
  if (name === '.' || name === '..') throw refuse('steps through the tree by a dot')
  if (name.includes('/')) throw refuse('has a slash in a name')
  if (CONTROL.test(name)) throw refuse('has a control character in a name')
  if (!name.isWellFormed()) throw refuse('has half a surrogate pair in a name')
  if (utf8(name).length > LONGEST_NAME)
    throw refuse(`has a name of more than ${LONGEST_NAME} bytes`)
}

/** Stem and extension; a leading dot begins no extension. */
function split(name: string): { stem: string; extension: string } {
  const dot = name.lastIndexOf('.')
  const plain = dot <= 0 || name.length - dot - 1 > LONGEST_EXTENSION
  return plain
    ? { stem: name, extension: '' }
    : { stem: name.slice(0, dot), extension: name.slice(dot + 1) }
}

/** Only ASCII has an upper case here: `ß` would become two letters. */
const dCharacters = (text: string) =>
  text.replace(/[a-z]/g, (letter) => letter.toUpperCase()).replace(/[^A-Z0-9_]/g, '_')

/** An identifier and what orders it: name, then extension, each filled with spaces (ECMA-119 §9.3). */
export interface Identifier {
  readonly text: string
  readonly order: string
}

/** Gives out the identifiers of one directory: upper case, `_` for the rest, numbered when taken. */
export class PlainNames {
  readonly #taken = new Set<string>()
  readonly #lastNumbers = new Map<string, number>()

  /** Depends on the names asked before: ask in a fixed order. */
  identify(name: string, kind: 'file' | 'directory'): Identifier {
    const parts = kind === 'file' ? split(name) : { stem: name, extension: '' }
    const extension = dCharacters(parts.extension)
    const longest = (kind === 'file' ? LONGEST_FILE : LONGEST_DIRECTORY) - extension.length
    const stem = dCharacters(parts.stem)
    const base = `${stem.slice(0, longest - 7)}.${extension}`
    let candidate = stem.slice(0, longest)
    for (
      let number = this.#lastNumbers.get(base) ?? 0;
      this.#taken.has(`${candidate}.${extension}`);
    ) {
      number += 1
      this.#lastNumbers.set(base, number)
      candidate = `${stem.slice(0, longest - 7)}_${number}`
    }
    this.#taken.add(`${candidate}.${extension}`)
    return {
      text: kind === 'file' ? `${candidate}.${extension};1` : candidate,
      order: candidate.padEnd(LONGEST_DIRECTORY) + extension.padEnd(LONGEST_EXTENSION),
    }
  }
}

/** Joliet's form of a name: UCS-2, without what Windows forbids, at most 64 characters. */
export function jolietName(name: string): string {
  // The `u` flag makes one `_` of a surrogate pair: UCS-2 has none.
  const allowed = name.replace(/[*:;?\\]|[\u{10000}-\u{10ffff}]/gu, '_')
  if (allowed.length <= LONGEST_JOLIET) return allowed
  const { stem, extension } = split(allowed)
  const tail = extension === '' ? '' : `.${extension}`
  return stem.slice(0, LONGEST_JOLIET - tail.length) + tail
}

/** UCS-2, big-endian. */
export function ucs2(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < text.length; i += 1) view.setUint16(i * 2, text.charCodeAt(i))
  return bytes
}
