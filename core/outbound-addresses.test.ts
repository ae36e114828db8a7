// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { canonicalAddress, forbiddenBecause } from './outbound-addresses.ts'

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['[2001:DB8::1]', '2001:db8:0:0:0:0:0:1'],
  ['::ffff:127.0.0.1', '127.0.0.1'],
  ['::ffff:7f00:1', '127.0.0.1'],
  ['::127.0.0.1', '127.0.0.1'],
  ['64:ff9b::a00:1', '10.0.0.1'],
  ['2002:7f00:1::', '127.0.0.1'],
  ['::1', '0:0:0:0:0:0:0:1'],
  ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
])('%s is the address %s', (text, canonical) => {
  expect(canonicalAddress(text)).toBe(canonical)
})

test.each(['', 'localhost', 'example.org', '10.0.0', '1.2.3.4.5', '::g'])(
  '"%s" is no address',
  (text) => {
    expect(canonicalAddress(text)).toBeUndefined()
  },
)

test.each([
  ['0.0.0.0', 'this host'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['169.254.169.254', 'link-local'],
  ['224.0.0.1', 'multicast'],
  ['255.255.255.255', 'reserved'],
  ['::', 'this host'],
  ['::1', 'loopback'],
  ['fe80::1', 'link-local'],
  ['febf::1', 'link-local'],
  ['ff02::1', 'multicast'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:169.254.169.254', 'link-local'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['2002:a9fe:a9fe::1', 'link-local'],
])('%s is refused as %s', (text, name) => {
  expect(forbiddenBecause(canonicalAddress(text) ?? '')).toBe(name)
})

test.each([
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  'fd00::1',
  '8.8.8.8',
  '2001:db8::1',
])('%s may be called: private ranges are where an enclave lives', (text) => {
  expect(forbiddenBecause(canonicalAddress(text) ?? '')).toBeUndefined()
})
