// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { choice, dictionary, list, objectOnly, plainWord, whole } from './rules.ts'

// `format: ipv6` means something else in every validator: the grammar is written out (RFC 4291 §2.2).
const BYTE = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
const IPV4 = `${BYTE}(\\.${BYTE}){3}`
const H = '[0-9A-Fa-f]{1,4}'
const IPV6 = [
  `(${H}:){7}${H}`,
  `(${H}:){1,7}:`,
  `(${H}:){1,6}:${H}`,
  `(${H}:){1,5}(:${H}){1,2}`,
  `(${H}:){1,4}(:${H}){1,3}`,
  `(${H}:){1,3}(:${H}){1,4}`,
  `(${H}:){1,2}(:${H}){1,5}`,
  `${H}:(:${H}){1,6}`,
  `:((:${H}){1,7}|:)`,
].join('|')
const CIDR = `${IPV4}\\/(3[0-2]|[12]?[0-9])|(${IPV6})\\/(12[0-8]|1[01][0-9]|[1-9]?[0-9])`

/** An address without a prefix. */
export const IpAddress = plainWord(new RegExp(`^(${IPV4}|${IPV6})$`), 'must be an IP address')
const Cidr = plainWord(new RegExp(`^(${CIDR})$`), 'must be an address with its prefix: 10.0.0.5/24')
const Destination = plainWord(
  new RegExp(`^(default|${CIDR})$`),
  'must be "default" or a network such as 10.1.0.0/16',
)
const Mac = plainWord(
  /^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$/,
  'must be six hex pairs with colons: 52:54:00:12:34:56',
)
/** Longest name of a Linux interface: 15 bytes. */
const InterfaceName = plainWord(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/,
  'must be an interface name of at most 15 letters, digits or . _ -',
)
const Domain = plainWord(
  /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?){0,20}$/,
  'must be a domain name',
)

const Route = v.strictObject({
  to: Destination,
  via: v.optional(IpAddress),
  metric: v.optional(whole(0, 4_294_967_295)),
  'on-link': v.optional(v.boolean()),
})

const Nameservers = objectOnly(
  v.strictObject({
    addresses: v.optional(list(IpAddress, 1, 16)),
    search: v.optional(list(Domain, 1, 32)),
  }),
)

/** What ethernets, bonds and vlans have in common. */
const shared = {
  dhcp4: v.optional(v.boolean()),
  dhcp6: v.optional(v.boolean()),
  'accept-ra': v.optional(v.boolean()),
  addresses: v.optional(list(Cidr, 1, 64)),
  routes: v.optional(list(Route, 1, 256)),
  nameservers: v.optional(Nameservers),
  mtu: v.optional(whole(68, 65_535)),
}

const Ethernet = v.strictObject({
  match: v.strictObject({ macaddress: Mac }),
  'set-name': v.optional(InterfaceName),
  ...shared,
})

export const BOND_MODES = [
  'balance-rr',
  'active-backup',
  'balance-xor',
  'broadcast',
  '802.3ad',
  'balance-tlb',
  'balance-alb',
] as const

const Bond = v.strictObject({
  interfaces: list(InterfaceName, 1, 16),
  parameters: v.strictObject({
    mode: choice(BOND_MODES),
    primary: v.optional(InterfaceName),
    'lacp-rate': v.optional(choice(['slow', 'fast'])),
    /** Milliseconds. */
    'mii-monitor-interval': v.optional(whole(0, 60_000)),
    'transmit-hash-policy': v.optional(
      choice(['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4']),
    ),
  }),
  ...shared,
})

const Vlan = v.strictObject({ id: whole(1, 4_094), link: InterfaceName, ...shared })

/** A subset of netplan version 2: for the maintenance OS and for the installed system. */
export const Network = v.pipe(
  objectOnly(
    v.strictObject({
      version: v.optional(v.literal(2), 2),
      ethernets: v.pipe(
        dictionary(InterfaceName, Ethernet, 64),
        v.minEntries(1, 'must name at least one card'),
      ),
      bonds: v.optional(dictionary(InterfaceName, Bond, 32)),
      vlans: v.optional(dictionary(InterfaceName, Vlan, 256)),
    }),
  ),
  v.description('A subset of netplan version 2; ethernets are told by their MAC'),
)
export type Network = v.InferOutput<typeof Network>
