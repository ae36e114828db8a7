// SPDX-License-Identifier: AGPL-3.0-or-later
import { isIPv4, isIPv6 } from 'node:net'

/** Replaces names by others of the same form: the same name by the same, within one scrambler. */
export interface Scrambler {
  /** Digits stay digits, letters letters of their case, everything else as it is. */
  word(text: string): string
  /** A MAC or the like, with or without what separates its octets. */
  octets(text: string): string
  /** All UUIDs, MAC and IP addresses in a text. */
  addresses(text: string): string
}

const UUID = /\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi
/** MAC, EUI-64, InfiniBand GUID, WWN: six octets or more. */
const OCTETS =
  /(?<![0-9a-f:-])(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4,}[0-9a-f]{2}(?![0-9a-f:-])/gi
const IPV4 =
  /(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?![\w]|\.\d)/g
const IPV6 = /(?<![\w:.])[0-9a-f:]*:[0-9a-f:]*(?:\d+\.\d+\.\d+\.\d+)?(?![\w:])/gi
/** Nobody's: all nothing, masks, loopback. */
const NOBODYS = /^(0\.0\.0\.0|127\..*|255\..*|::1?|[0:.-]+|f[f:-]+)$/i

/** For documentation (RFC 5737), and behind it the range for benchmarks (RFC 2544). */
const ipv4At = (index: number) =>
  index < 254
    ? `192.0.2.${index + 1}`
    : `198.${18 + ((index >> 16) & 1)}.${(index >> 8) & 255}.${index & 255}`

/** A key of its own for each capture: what was hidden can not be found by trying all addresses. */
export function createScrambler(): Scrambler {
  const key = crypto.getRandomValues(new Uint8Array(32))
  const ips = new Map<string, string>()

  /** As many bytes as the text has characters. */
  function bytesFor(text: string): Uint8Array {
    const bytes = new Uint8Array(text.length)
    for (let at = 0, block = 0; at < bytes.length; at += 32, block++) {
      const hasher = new Bun.CryptoHasher('sha256', key).update(`${block} ${text.toLowerCase()}`)
      bytes.set(hasher.digest().subarray(0, bytes.length - at), at)
    }
    return bytes
  }

  function sameForm(text: string, letters: number): string {
    const bytes = bytesFor(text)
    const change = (char: string, at: number) => {
      const byte = bytes[at] ?? 0
      if (/\d/.test(char)) return String(byte % 10)
      if (/[a-z]/.test(char)) return String.fromCharCode(97 + (byte % letters))
      if (/[A-Z]/.test(char)) return String.fromCharCode(65 + (byte % letters))
      return char
    }
    // By UTF-16 unit: what is no ASCII letter stays.
    return text.split('').map(change).join('')
  }

  const hex = (text: string) => sameForm(text, 6)

  /** By the digits alone, so that both ways of writing give one address; locally administered: nobody's. */
  function octets(text: string): string {
    if (NOBODYS.test(text)) return text
    const digits = [...`02${hex(text.replace(/[:-]/g, '').toUpperCase()).slice(2)}`]
    const isLower = text === text.toLowerCase()
    const mixed = text.replace(/[0-9a-f]/gi, () => digits.shift() ?? '0')
    return isLower ? mixed.toLowerCase() : mixed
  }

  function ip(text: string, make: (index: number) => string): string {
    if (NOBODYS.test(text)) return text
    const known = ips.get(text.toLowerCase()) ?? make(ips.size)
    ips.set(text.toLowerCase(), known)
    return known
  }

  return {
    word: (text) => sameForm(text, 26),
    octets,
    addresses: (text) =>
      text
        .replace(UUID, (found) => (NOBODYS.test(found) ? found : hex(found)))
        .replace(OCTETS, octets)
        .replace(IPV4, (found) => (isIPv4(found) ? ip(found, ipv4At) : found))
        .replace(IPV6, (found) =>
          isIPv6(found) ? ip(found, (index) => `2001:db8::${(index + 1).toString(16)}`) : found,
        ),
  }
}
