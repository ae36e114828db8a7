// SPDX-License-Identifier: AGPL-3.0-or-later

/** An IP address as a number. */
export interface Ip {
  readonly value: bigint
  /** 32 or 128. */
  readonly bits: 32 | 128
}

/** Reads an address that was checked before (no zone, no embedded IPv4 but mapped ones). */
export function parseIp(address: string): Ip {
  if (!address.includes(':')) {
    const value = address.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
    return { value, bits: 32 }
  }
  const [left = '', right] = address.split('::')
  const head = groups(left)
  const tail = right === undefined ? [] : groups(right)
  const zeros = Array<bigint>(8 - head.length - tail.length).fill(0n)
  const all = [...head, ...zeros, ...tail]
  return { value: all.reduce((sum, group) => sum * 65_536n + group, 0n), bits: 128 }
}

/** Groups of one side of `::`; a dotted tail makes two. */
function groups(side: string): bigint[] {
  return side
    .split(':')
    .filter((group) => group !== '')
    .flatMap((group) => {
      if (!group.includes('.')) return BigInt(`0x${group}`)
      const { value } = parseIp(group)
      return [value >> 16n, value & 0xffffn]
    })
}

/** A network: its first address and the length of its prefix. */
export interface IpNetwork extends Ip {
  readonly prefix: number
}

/** Reads `10.0.0.0/8`; the address may be any of the network. */
export function parseNetwork(cidr: string): IpNetwork {
  const [address = '', length = ''] = cidr.split('/')
  const { value, bits } = parseIp(address)
  const host = BigInt(bits - Number(length))
  return { value: (value >> host) << host, bits, prefix: Number(length) }
}

/** Is the address one of the network? */
export function inNetwork({ value, bits }: Ip, network: IpNetwork): boolean {
  const host = BigInt(network.bits - network.prefix)
  return bits === network.bits && value >> host === network.value >> host
}
