// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { isIP } from 'node:net'
import * as v from 'valibot'
import { inNetwork, parseIp, parseNetwork } from './ip.ts'
import { IpAddress } from './recipe-network.ts'

test.each([
  ['0.0.0.0', 0n, 32],
  ['10.0.0.5', 0x0a000005n, 32],
  ['255.255.255.255', 0xffff_ffffn, 32],
  ['::', 0n, 128],
  ['::1', 1n, 128],
  ['1::', 1n << 112n, 128],
  ['2001:db8::5', (0x2001_0db8n << 96n) + 5n, 128],
  ['1:2:3:4:5:6:7:8', 0x0001_0002_0003_0004_0005_0006_0007_0008n, 128],
  ['::ffff:10.0.0.5', 0xffff_0a00_0005n, 128],
])('%s is %p in %p bits', (address, value, bits) => {
  expect(parseIp(address)).toEqual({ value, bits: bits as 32 | 128 })
})

test.each([
  ['10.0.0.5', '10.0.0.0/24', true],
  ['10.0.0.5', '10.0.0.77/24', true],
  ['10.0.1.5', '10.0.0.0/24', false],
  ['8.8.8.8', '0.0.0.0/0', true],
  ['10.0.0.5', '10.0.0.5/32', true],
  ['2001:db8::1', '2001:db8::/64', true],
  ['2001:db8:0:1::1', '2001:db8::/64', false],
  ['::', '0.0.0.0/0', false],
])('%s in %s: %p', (address, network, inside) => {
  expect(inNetwork(parseIp(address), parseNetwork(network))).toBe(inside)
})

test('the written-out grammar of addresses is that of the platform, but for zones and dotted tails', () => {
  const groups = ['', '0', '1', 'ffff', '10000', 'g', ':']
  const made: string[] = []
  for (let length = 1; length <= 9; length++) {
    for (let seed = 0; seed < 400; seed++) {
      const parts = Array.from(
        { length },
        (_, index) => groups[(seed * 7 + index * (seed % 5)) % 7],
      )
      made.push(parts.join(':'))
      made.push(`${parts.slice(0, 2).join(':')}::${parts.slice(3).join(':')}`)
    }
  }
  made.push('1.2.3.4', '256.1.1.1', '01.2.3.4', '1.2.3', '1.2.3.4.5', '', '0.0.0.0')
  const off = made.filter((text) => v.is(IpAddress, text) !== isIP(text) > 0)
  expect(off).toEqual([])
  expect(made.filter((text) => isIP(text) > 0).length).toBeGreaterThan(50)
})
