// SPDX-License-Identifier: AGPL-3.0-or-later

/** What boards carry when nobody wrote a serial: they match nothing. */
const PLACEHOLDER =
  /^(|unknown|not specified|to be filled by o\.e\.m\.?|0123456789|none|default string|system serial number|n\/a)$/i

const UUID = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4}-[0-9a-f]{12})$/i

const swapBytes = (hex: string) => (hex.match(/../g) ?? []).reverse().join('')

export const isPlaceholder = (name: string): boolean => PLACEHOLDER.test(name.trim())

/**
 * The spellings under which a name may be stored. DMI and Redfish disagree on the byte order of the
 * first three fields of a UUID (SMBIOS 2.6 made them little-endian), so both are looked up.
 */
export function spellings(name: string): readonly string[] {
  const text = name.trim()
  if (isPlaceholder(text)) return []
  const uuid = UUID.exec(text)
  if (!uuid) return [text]
  const [, a = '', b = '', c = '', rest = ''] = uuid
  const swapped = `${swapBytes(a)}-${swapBytes(b)}-${swapBytes(c)}-${rest}`
  return [...new Set([text, text.toLowerCase(), swapped.toLowerCase()])]
}

/** The form in which an alias is stored: trimmed, UUIDs in lower case. */
export const stored = (name: string): string =>
  UUID.test(name.trim()) ? name.trim().toLowerCase() : name.trim()

/** Do the two name one machine? */
export const sameName = (one: string, other: string): boolean => {
  const right = new Set(spellings(other).map((name) => name.toLowerCase()))
  return spellings(one).some((name) => right.has(name.toLowerCase()))
}
