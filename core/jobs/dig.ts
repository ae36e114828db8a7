// SPDX-License-Identifier: AGPL-3.0-or-later

/** What stands below these names in parsed JSON; undefined where the way ends early. */
export function dig(value: unknown, ...names: readonly string[]): unknown {
  let found = value
  for (const name of names) {
    if (typeof found !== 'object' || found === null) return undefined
    found = (found as Record<string, unknown>)[name]
  }
  return found
}

/** The same where a text is expected; undefined for everything else. */
export function digText(value: unknown, ...names: readonly string[]): string | undefined {
  const found = dig(value, ...names)
  return typeof found === 'string' ? found : undefined
}

/** The same where a list of texts is expected; what is no text in it is dropped. */
export function digTexts(value: unknown, ...names: readonly string[]): readonly string[] {
  const found = dig(value, ...names)
  return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : []
}
