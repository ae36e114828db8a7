// SPDX-License-Identifier: AGPL-3.0-or-later
/** The network of the corpus: what its fields may hold, and what they may not. */
import type { Json, JsonObject, Path, Place } from './recipe-json.ts'

/** Every field that ethernets, bonds and vlans have in common. */
const shared = (host: number): JsonObject => ({
  dhcp4: false,
  dhcp6: false,
  'accept-ra': true,
  addresses: [`10.${host}.0.5/24`, `2001:db8:${host}::5/64`],
  routes: [{ to: 'default', via: `10.${host}.0.1`, metric: 100, 'on-link': false }],
  nameservers: { addresses: ['10.0.0.2', '2001:db8::2'], search: ['example.org'] },
  mtu: 9000,
})

/** Every field that there is, at least once. */
export const network: JsonObject = {
  version: 2,
  ethernets: {
    lan0: { match: { macaddress: '52:54:00:12:34:56' }, 'set-name': 'lan0', ...shared(0) },
    lan1: { match: { macaddress: '52:54:00:12:34:57' } },
  },
  bonds: {
    bond0: {
      interfaces: ['lan1'],
      parameters: {
        mode: '802.3ad',
        primary: 'lan1',
        'lacp-rate': 'fast',
        'mii-monitor-interval': 100,
        'transmit-hash-policy': 'layer3+4',
      },
      ...shared(1),
    },
  },
  vlans: { 'bond0.20': { id: 20, link: 'bond0', ...shared(2) } },
}

const LAN: Path = ['network', 'ethernets', 'lan0']
const BOND: Path = ['network', 'bonds', 'bond0']
const VLAN: Path = ['network', 'vlans', 'bond0.20']

const names = {
  good: ['e', 'enp0s31f6', 'x'.repeat(15)],
  bad: ['', 'x'.repeat(16), 'a b', '-a', 'a/b'],
}
const words = (good: readonly string[]) => ({
  good,
  bad: ['', 'other', ...good.map((word) => word.toUpperCase())],
})

const sharedPlaces = (at: Path): Place[] => [
  {
    path: [...at, 'addresses', 0],
    good: [
      '0.0.0.0/0',
      '255.255.255.255/32',
      '::/0',
      '::1/128',
      '1:2:3:4:5:6:7:8/64',
      '1::8/64',
      '1:2:3:4:5:6:7::/112',
      '::2:3:4:5:6:7:8/64',
      'fe80::abcd/64',
      '1:2::5:6:7:8/9',
    ],
    bad: [
      '',
      '10.0.0.5',
      '10.0.0.5/33',
      '10.0.0.256/24',
      '10.0.0/24',
      '010.0.0.5/24',
      '::/129',
      '1:2:3:4:5:6:7/64',
      '1::2::3/64',
      '12345::/64',
      '::1',
      '1:2:3:4:5:6:7:8:9/64',
      '::ffff:10.0.0.1/96',
      'fe80::1%eth0/64',
      '10.0.0.5/ 24',
    ],
  },
  {
    path: [...at, 'routes', 0, 'to'],
    good: ['default', '10.1.0.0/16', '::/0'],
    bad: ['', '10.1.0.1', 'Default', 'all'],
  },
  {
    path: [...at, 'routes', 0, 'via'],
    good: ['10.0.0.254', 'fe80::1'],
    bad: ['', 'gateway', '10.0.0.1/24', '1.2.3'],
  },
  { path: [...at, 'routes', 0, 'metric'], good: [0, 4_294_967_295], bad: [-1, 4_294_967_296, 0.5] },
  {
    path: [...at, 'nameservers', 'addresses', 0],
    good: ['9.9.9.9', '2620:fe::fe'],
    bad: ['', 'dns.example', '9.9.9.9/32'],
  },
  {
    path: [...at, 'nameservers', 'search', 0],
    good: ['a', 'a-b.example', '1.example'],
    bad: ['', '-a', 'a-', 'a..b', 'a b', 'x'.repeat(64)],
  },
  { path: [...at, 'mtu'], good: [68, 1500, 65_535], bad: [67, 65_536, 1500.5] },
]

/** So many interfaces of one kind. */
const many = (count: number, one: Json): JsonObject =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, one]))

/** How many of a kind there may be, and how they may be called. */
function kindPlace(kind: string, most: number, one: Json, least: number): Place {
  const bad = names.bad.map((name) => ({ [name]: one }))
  return {
    path: ['network', kind],
    good: [many(1, one), many(most, one), { 'a.b-c_d': one }, ...(least === 0 ? [{}] : [])],
    bad: [many(most + 1, one), ...bad, ...(least === 0 ? [] : [{}])],
  }
}

export const networkPlaces: readonly Place[] = [
  { path: ['network', 'version'], good: [2], bad: [1, '2'] },
  kindPlace('ethernets', 64, { match: { macaddress: '52:54:00:12:34:56' } }, 1),
  kindPlace('bonds', 32, { interfaces: ['lan1'], parameters: { mode: 'balance-rr' } }, 0),
  kindPlace('vlans', 256, { id: 20, link: 'lan0' }, 0),
  {
    path: [...LAN, 'match', 'macaddress'],
    good: ['00:00:5E:00:53:01'],
    bad: ['', '00-00-5e-00-53-01', '00005e005301', '00:00:5e:00:53', '00:00:5e:00:53:0g'],
  },
  { path: [...LAN, 'set-name'], ...names },
  { path: [...BOND, 'interfaces', 0], ...names },
  { path: [...BOND, 'parameters', 'primary'], ...names },
  {
    path: [...BOND, 'parameters', 'mode'],
    good: [
      'balance-rr',
      'active-backup',
      'balance-xor',
      'broadcast',
      '802.3ad',
      'balance-tlb',
      'balance-alb',
    ],
    bad: ['', '4', 'lacp'],
  },
  { path: [...BOND, 'parameters', 'lacp-rate'], ...words(['slow', 'fast']) },
  {
    path: [...BOND, 'parameters', 'transmit-hash-policy'],
    ...words(['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4']),
  },
  {
    path: [...BOND, 'parameters', 'mii-monitor-interval'],
    good: [0, 60_000],
    bad: [-1, 60_001, 1.5],
  },
  { path: [...VLAN, 'id'], good: [1, 4_094], bad: [0, 4_095, 20.5] },
  { path: [...VLAN, 'link'], ...names },
  ...[LAN, BOND, VLAN].flatMap(sharedPlaces),
]

export const networkRequired: readonly Path[] = [
  ['network', 'ethernets'],
  [...LAN, 'match'],
  [...LAN, 'match', 'macaddress'],
  [...BOND, 'interfaces'],
  [...BOND, 'parameters'],
  [...BOND, 'parameters', 'mode'],
  [...VLAN, 'id'],
  [...VLAN, 'link'],
  ...[LAN, BOND, VLAN].map((at) => [...at, 'routes', 0, 'to']),
]

export const networkLists: readonly (readonly [Path, number])[] = [
  [[...BOND, 'interfaces'], 16],
  ...[LAN, BOND, VLAN].flatMap((at): [Path, number][] => [
    [[...at, 'addresses'], 64],
    [[...at, 'routes'], 256],
    [[...at, 'nameservers', 'addresses'], 16],
    [[...at, 'nameservers', 'search'], 32],
  ]),
]
