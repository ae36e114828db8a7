// SPDX-License-Identifier: AGPL-3.0-or-later

/** A tag that names a version: `v1.2.3`, `1.2.3-rc.1`, and the short forms `1.2` and `v1`. */
interface Version {
  readonly numbers: readonly bigint[]
  /** Before the release of the same numbers; empty: the release itself. */
  readonly pre: readonly string[]
}

/** A tag can not hold the `+` of build data. */
const VERSION =
  /^v?(0|[1-9]\d{0,17})(?:\.(0|[1-9]\d{0,17}))?(?:\.(0|[1-9]\d{0,17}))?(?:-([\dA-Za-z.-]+))?$/

/** Undefined for a tag that names no version. */
export function versionOf(tag: string): Version | undefined {
  const [, major, minor = '0', patch = '0', pre] = VERSION.exec(tag) ?? []
  if (major === undefined) return undefined
  const parts = pre?.split('.') ?? []
  if (parts.includes('')) return undefined
  return { numbers: [major, minor, patch].map(BigInt), pre: parts }
}

const sign = (a: bigint | string, b: bigint | string) => (a < b ? -1 : a > b ? 1 : 0)

/** SemVer 2.0.0, section 11.4: numbers come before words, and by their value. */
function comparePart(a: string, b: string): number {
  const [aIsNumber, bIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (aIsNumber && bIsNumber) return sign(BigInt(a), BigInt(b))
  if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1
  return sign(a, b)
}

/** Negative when `a` is the older one. */
export function compareVersions(a: Version, b: Version): number {
  for (const [at, number] of a.numbers.entries()) {
    const order = sign(number, b.numbers[at] ?? 0n)
    if (order !== 0) return order
  }
  if (a.pre.length === 0 || b.pre.length === 0) return b.pre.length - a.pre.length
  for (const [at, part] of a.pre.entries()) {
    const other = b.pre[at]
    if (other === undefined) return 1
    const order = comparePart(part, other)
    if (order !== 0) return order
  }
  return a.pre.length - b.pre.length
}
