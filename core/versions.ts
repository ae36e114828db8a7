// SPDX-License-Identifier: AGPL-3.0-or-later

/** Compares dotted numbers part by part: 6.00.02 comes before 6.00.30.00; no number is older than any. */
export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number))
  const length = Math.max(a?.length ?? 0, b?.length ?? 0)
  for (let part = 0; part < length; part++) {
    const difference = (a?.[part] || 0) - (b?.[part] || 0)
    if (difference !== 0) return difference < 0
  }
  return false
}
