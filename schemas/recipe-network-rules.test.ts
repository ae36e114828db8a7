// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import { Network } from './recipe-network.ts'
import { networkProblems } from './recipe-network-rules.ts'

const card = (last: string, more: object = {}) => ({
  match: { macaddress: `52:54:00:12:34:${last}` },
  ...more,
})
const problemsOf = (network: unknown) => networkProblems(v.parse(Network, network))

test.each([
  ['a card that asks DHCP', { ethernets: { lan0: card('01', { dhcp4: true }) } }],
  [
    'a fixed address with its gateway',
    {
      ethernets: {
        lan0: card('01', {
          addresses: ['10.0.0.5/24'],
          routes: [{ to: 'default', via: '10.0.0.1' }],
        }),
      },
    },
  ],
  [
    'a gateway on the link',
    {
      ethernets: {
        lan0: card('01', {
          addresses: ['203.0.113.5/32'],
          routes: [{ to: 'default', via: '203.0.113.1', 'on-link': true }],
        }),
      },
    },
  ],
  [
    'a link-local gateway',
    {
      ethernets: {
        lan0: card('01', {
          addresses: ['2001:db8::5/64'],
          routes: [{ to: 'default', via: 'fe80::1' }],
        }),
      },
    },
  ],
  [
    'a bond under a vlan',
    {
      ethernets: { a: card('01'), b: card('02') },
      bonds: {
        bond0: { interfaces: ['a', 'b'], parameters: { mode: '802.3ad', 'lacp-rate': 'fast' } },
      },
      vlans: { v20: { id: 20, link: 'bond0', addresses: ['10.20.0.5/24'] } },
    },
  ],
  [
    'addresses at both ends of a link of two',
    {
      ethernets: {
        a: card('01', { addresses: ['10.0.0.0/31'] }),
        b: card('02', { addresses: ['10.0.0.1/31'] }),
      },
    },
  ],
  [
    'the same number in two families',
    {
      ethernets: { a: card('01', { addresses: ['0.0.0.9/8', '::9/64'] }) },
    },
  ],
])('%s is fine', (_name, network) => {
  expect(problemsOf(network)).toEqual([])
})

const bond = (interfaces: string[], parameters: object) => ({ bond0: { interfaces, parameters } })

test.each<[string, unknown, string, string]>([
  [
    'one MAC on two cards',
    { ethernets: { a: card('ab'), b: card('AB') } },
    'ethernets/b/match/macaddress',
    'duplicate',
  ],
  [
    'one name for two cards',
    { ethernets: { a: card('01', { 'set-name': 'x' }), b: card('02', { 'set-name': 'x' }) } },
    'ethernets/b/set-name',
    'duplicate',
  ],
  [
    'one name for a card and a vlan',
    { ethernets: { a: card('01') }, vlans: { a: { id: 5, link: 'a' } } },
    'vlans/a',
    'duplicate',
  ],
  [
    'one address twice',
    {
      ethernets: {
        a: card('01', { addresses: ['10.0.0.5/24'] }),
        b: card('02', { addresses: ['10.0.0.5/16'] }),
      },
    },
    'ethernets/b/addresses/0',
    'duplicate',
  ],
  [
    'a MAC of a group',
    { ethernets: { a: { match: { macaddress: '01:00:5e:00:00:01' } } } },
    'ethernets/a/match/macaddress',
    'invalid_value',
  ],
  [
    'a MAC of nothing',
    { ethernets: { a: { match: { macaddress: '00:00:00:00:00:00' } } } },
    'ethernets/a/match/macaddress',
    'invalid_value',
  ],
  [
    'the address of the network',
    { ethernets: { a: card('01', { addresses: ['10.0.0.0/24'] }) } },
    'ethernets/a/addresses/0',
    'invalid_value',
  ],
  [
    'the address of everybody',
    { ethernets: { a: card('01', { addresses: ['10.0.0.255/24'] }) } },
    'ethernets/a/addresses/0',
    'invalid_value',
  ],
  [
    'a route to nowhere',
    { ethernets: { a: card('01', { routes: [{ to: 'default' }] }) } },
    'ethernets/a/routes/0/via',
    'missing',
  ],
  [
    'a gateway of another family',
    {
      ethernets: {
        a: card('01', {
          addresses: ['10.0.0.5/24'],
          routes: [{ to: '2001:db8::/32', via: '10.0.0.1' }],
        }),
      },
    },
    'ethernets/a/routes/0/via',
    'contradiction',
  ],
  [
    'a gateway out of reach',
    {
      ethernets: {
        a: card('01', { addresses: ['10.0.0.5/24'], routes: [{ to: 'default', via: '10.0.1.1' }] }),
      },
    },
    'ethernets/a/routes/0/via',
    'unreachable',
  ],
  [
    'a bond of cards that are not there',
    { ethernets: { a: card('01') }, bonds: bond(['b'], { mode: 'balance-rr' }) },
    'bonds/bond0/interfaces/0',
    'unknown_name',
  ],
  [
    'a member with a name of JavaScript',
    { ethernets: { a: card('01') }, bonds: bond(['constructor'], { mode: 'balance-rr' }) },
    'bonds/bond0/interfaces/0',
    'unknown_name',
  ],
  [
    'a member twice',
    { ethernets: { a: card('01') }, bonds: bond(['a', 'a'], { mode: 'balance-rr' }) },
    'bonds/bond0/interfaces/1',
    'duplicate',
  ],
  [
    'a member with an address',
    {
      ethernets: { a: card('01', { addresses: ['10.0.0.5/24'] }) },
      bonds: bond(['a'], { mode: 'balance-rr' }),
    },
    'bonds/bond0/interfaces/0',
    'contradiction',
  ],
  [
    'a primary from elsewhere',
    { ethernets: { a: card('01') }, bonds: bond(['a'], { mode: 'active-backup', primary: 'b' }) },
    'bonds/bond0/parameters/primary',
    'unknown_name',
  ],
  [
    'a primary where there is none',
    { ethernets: { a: card('01') }, bonds: bond(['a'], { mode: 'balance-rr', primary: 'a' }) },
    'bonds/bond0/parameters/primary',
    'contradiction',
  ],
  [
    'a LACP rate without LACP',
    {
      ethernets: { a: card('01') },
      bonds: bond(['a'], { mode: 'balance-rr', 'lacp-rate': 'slow' }),
    },
    'bonds/bond0/parameters/lacp-rate',
    'contradiction',
  ],
  [
    'a vlan on nothing',
    { ethernets: { a: card('01') }, vlans: { v: { id: 5, link: 'b' } } },
    'vlans/v/link',
    'unknown_name',
  ],
  [
    'one vlan id twice on a link',
    { ethernets: { a: card('01') }, vlans: { v: { id: 5, link: 'a' }, w: { id: 5, link: 'a' } } },
    'vlans/w/id',
    'duplicate',
  ],
])('%s is refused', (_name, network, place, code) => {
  const problems = problemsOf(network).map((each) => ({
    place: each.path.join('/'),
    code: each.code,
  }))
  expect(problems).toEqual([{ place: `network/${place}`, code }])
})
