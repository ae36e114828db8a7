// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import { Network } from '../../schemas/recipe-network.ts'
import { network as everyField } from '../../test/recipe-network-values.ts'
import { planNetwork } from './network-plan.ts'

const planOf = (network: unknown) => planNetwork(v.parse(Network, network))
const filesOf = (network: unknown) => Object.fromEntries(planOf(network).files)
const card = (last: string, more: object = {}) => ({
  match: { macaddress: `52:54:00:AB:CD:${last}` },
  ...more,
})

test('a fixed address, its gateway and its name servers', () => {
  const lan = card('01', {
    ...{ addresses: ['10.0.0.5/24', '2001:db8::5/64'], mtu: 9_000, 'accept-ra': false },
    routes: [
      { to: 'default', via: '10.0.0.1', metric: 50 },
      { to: 'default', via: 'fe80::1' },
      { to: '10.9.0.0/16', via: '10.0.1.1', 'on-link': true },
    ],
    nameservers: { addresses: ['10.0.0.2', '2001:db8::2'], search: ['example.org', 'lan'] },
  })
  expect(filesOf({ ethernets: { lan } })).toEqual({
    '10-slipway-lan.network': `[Match]
MACAddress=52:54:00:ab:cd:01
Kind=!vlan bond bridge macvlan ipvlan

[Link]
MTUBytes=9000

[Network]
DHCP=no
IPv6AcceptRA=no
LinkLocalAddressing=ipv6
Address=10.0.0.5/24
Address=2001:db8::5/64
DNS=10.0.0.2
DNS=2001:db8::2
Domains=example.org lan

[Route]
Destination=0.0.0.0/0
Gateway=10.0.0.1
Metric=50

[Route]
Destination=::/0
Gateway=fe80::1

[Route]
Destination=10.9.0.0/16
Gateway=10.0.1.1
GatewayOnLink=yes
`,
  })
})

test('a VLAN over a bond of two cards', () => {
  const plan = planOf({
    ethernets: { a: card('01', { mtu: 9_000 }), b: card('02') },
    bonds: {
      bond0: {
        interfaces: ['a', 'b'],
        parameters: { mode: 'active-backup', primary: 'b' },
        mtu: 9_000,
      },
    },
    vlans: { v20: { id: 20, link: 'bond0', addresses: ['10.20.0.5/24'], mtu: 1_500 } },
  })
  expect(Object.fromEntries(plan.files)).toEqual({
    '10-slipway-a.network': `[Match]
PermanentMACAddress=52:54:00:ab:cd:01
Kind=!*

[Link]
MTUBytes=9000

[Network]
Bond=bond0
LinkLocalAddressing=no
`,
    '10-slipway-b.network': `[Match]
PermanentMACAddress=52:54:00:ab:cd:02
Kind=!*

[Network]
Bond=bond0
PrimarySlave=yes
LinkLocalAddressing=no
`,
    '10-slipway-bond0.netdev': `[NetDev]
Name=bond0
Kind=bond
MTUBytes=9000

[Bond]
Mode=active-backup
MIIMonitorSec=100ms
`,
    '10-slipway-bond0.network': `[Match]
Name=bond0

[Link]
MTUBytes=9000

[Network]
DHCP=no
LinkLocalAddressing=ipv6
VLAN=v20
`,
    '10-slipway-v20.netdev': `[NetDev]
Name=v20
Kind=vlan
MTUBytes=1500

[VLAN]
Id=20
`,
    '10-slipway-v20.network': `[Match]
Name=v20

[Link]
MTUBytes=1500

[Network]
DHCP=no
LinkLocalAddressing=ipv6
Address=10.20.0.5/24
`,
  })
  // Members and what only carries a VLAN have no address to wait for.
  expect(plan.wanted).toEqual([
    { name: 'v20', mac: undefined, dhcp: false, addresses: ['10.20.0.5/24'] },
  ])
})

test.each([
  [{}, 'no'],
  [{ dhcp4: true }, 'ipv4'],
  [{ dhcp6: true }, 'ipv6'],
  [{ dhcp4: true, dhcp6: true }, 'yes'],
])('the card with %j asks DHCP: %s', (more, dhcp) => {
  const [text = ''] = Object.values(filesOf({ ethernets: { lan: card('01', more) } }))
  expect(text).toContain(`\nDHCP=${dhcp}\n`)
  expect(text.includes('ClientIdentifier=mac')).toBe('dhcp4' in more)
  expect(planOf({ ethernets: { lan: card('01', more) } }).wanted).toHaveLength(
    dhcp === 'no' ? 0 : 1,
  )
})

test('a LACP bond says how it is to be spoken with', () => {
  const files = filesOf({
    ethernets: { a: card('01') },
    bonds: {
      b: {
        interfaces: ['a'],
        parameters: {
          ...{ mode: '802.3ad', 'lacp-rate': 'fast', 'mii-monitor-interval': 0 },
          'transmit-hash-policy': 'layer3+4',
        },
      },
    },
  })
  expect(files['10-slipway-b.netdev']).toBe(
    '[NetDev]\nName=b\nKind=bond\n\n[Bond]\nMode=802.3ad\nMIIMonitorSec=0ms\nLACPTransmitRate=fast\nTransmitHashPolicy=layer3+4\n',
  )
})

test('a way to everywhere on the link itself is of the family of the address', () => {
  const to = (addresses: string[]) =>
    Object.values(
      filesOf({
        ethernets: {
          lan: card('01', { addresses, routes: [{ to: 'default', 'on-link': true }] }),
        },
      }),
    ).join('')
  expect(to(['10.0.0.5/32'])).toEndWith('[Route]\nDestination=0.0.0.0/0\n')
  expect(to(['fd00::5/128'])).toEndWith('[Route]\nDestination=::/0\n')
})

test('every field of a network is said, and the same one makes the same files', () => {
  expect(filesOf(everyField)).toEqual(filesOf(structuredClone(everyField)))
  expect(Object.keys(filesOf(everyField)).sort()).toEqual([
    ...['10-slipway-bond0.20.netdev', '10-slipway-bond0.20.network', '10-slipway-bond0.netdev'],
    ...['10-slipway-bond0.network', '10-slipway-lan0.network', '10-slipway-lan1.network'],
  ])
})
