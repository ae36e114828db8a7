// SPDX-License-Identifier: AGPL-3.0-or-later
import { isIP } from 'node:net'
import { inNetwork, parseIp, parseNetwork } from '../schemas/ip.ts'

/** Networks that nobody's URL may lead us to; RFC 6890 and the IANA special-purpose registries. */
const FORBIDDEN: readonly (readonly [network: string, name: string])[] = [
  ['0.0.0.0/8', 'this host'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/128', 'this host'],
  ['::1/128', 'loopback'],
  ['fe80::/10', 'link-local'],
  ['ff00::/8', 'multicast'],
]
const forbidden = FORBIDDEN.map(([network, name]) => ({ network: parseNetwork(network), name }))

/** IPv6 networks whose last 32 bits are an IPv4 address: mapped, compatible, NAT64. */
const CARRIERS = ['::ffff:0:0/96', '::/96', '64:ff9b::/96'].map(parseNetwork)

/** 6to4: the IPv4 address stands behind the first 16 bits (RFC 3056). */
const SIX_TO_FOUR = parseNetwork('2002::/16')

const dotted = (value: bigint) =>
  [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.')

/** One spelling for one address; an IPv4 address inside IPv6 is that IPv4 address. Undefined: no address. */
export function canonicalAddress(text: string): string | undefined {
  const bare = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  if (isIP(bare) === 0) return undefined
  const ip = parseIp(bare)
  if (ip.bits === 32) return dotted(ip.value)
  if (ip.value > 1n && CARRIERS.some((network) => inNetwork(ip, network))) return dotted(ip.value)
  if (inNetwork(ip, SIX_TO_FOUR)) return dotted((ip.value >> 80n) & 0xffff_ffffn)
  const groups = Array.from(
    { length: 8 },
    (_, index) => (ip.value >> BigInt(112 - index * 16)) & 0xffffn,
  )
  return groups.map((group) => group.toString(16)).join(':')
}

/** Why this canonical address is never called; undefined when it may be. Private ranges may: an enclave is one. */
export function forbiddenBecause(address: string): string | undefined {
  const ip = parseIp(address)
  return forbidden.find(({ network }) => inNetwork(ip, network))?.name
}
