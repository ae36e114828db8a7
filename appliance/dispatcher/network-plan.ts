// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The `network` of a recipe as files of systemd-networkd (systemd.network(5), systemd.netdev(5)): for
 * the maintenance OS. The installed system reads the same section through cloud-init.
 */
import { parseIp } from '../../schemas/ip.ts'
import type { Network } from '../../schemas/recipe-network.ts'

type Ethernet = Network['ethernets'][string]
type Bond = NonNullable<Network['bonds']>[string]
type Shared = Omit<Ethernet, 'match' | 'set-name'>
type Route = NonNullable<Shared['routes']>[number]

/** An interface that the recipe gives addresses to. */
export interface WantedInterface {
  /** Its name; of a card the recipe's word for it, since it keeps the kernel's name here. */
  readonly name: string
  /** Lower case, of a card; undefined for a bond or VLAN, which are found by name. */
  readonly mac: string | undefined
  readonly dhcp: boolean
  /** With their prefixes. */
  readonly addresses: readonly string[]
}

export interface NetworkPlan {
  /** Text by file name; networkd takes the first that matches, in order of the names. */
  readonly files: ReadonlyMap<string, string>
  readonly wanted: readonly WantedInterface[]
}

/** Before the image's own `80-slipway.network`, which asks DHCP. */
export const PREFIX = '10-slipway-'

/** The kernel's own default never looks whether a member is alive. */
const MII_MONITOR_MS = 100

/** Same network, same files. */
export function planNetwork(network: Network): NetworkPlan {
  const { ethernets, bonds = {}, vlans = {} } = network
  const files = new Map<string, string>()
  for (const [name, card] of Object.entries(ethernets)) {
    files.set(`${PREFIX}${name}.network`, ethernetFile(network, name, card))
  }
  for (const [name, bond] of Object.entries(bonds)) {
    files.set(`${PREFIX}${name}.netdev`, bondDevice(name, bond))
    files.set(`${PREFIX}${name}.network`, virtualFile(network, name, bond))
  }
  for (const [name, vlan] of Object.entries(vlans)) {
    const device = [...netdev(name, 'vlan', vlan.mtu), '', '[VLAN]', `Id=${vlan.id}`]
    files.set(`${PREFIX}${name}.netdev`, textOf(device))
    files.set(`${PREFIX}${name}.network`, virtualFile(network, name, vlan))
  }
  const all: [string, Shared, string | undefined][] = [
    ...Object.entries(ethernets).map(([name, one]): [string, Shared, string] => [
      name,
      one,
      macOf(one),
    ]),
    ...Object.entries({ ...bonds, ...vlans }).map(([name, one]): [string, Shared, undefined] => [
      name,
      one,
      undefined,
    ]),
  ]
  return { files, wanted: all.flatMap(([name, one, mac]) => wantedOf(name, one, mac)) }
}

const macOf = ({ match }: Ethernet) => match.macaddress.toLowerCase()

function wantedOf(name: string, one: Shared, mac: string | undefined): WantedInterface[] {
  const dhcp = one.dhcp4 === true || one.dhcp6 === true || one['accept-ra'] === true
  const { addresses = [] } = one
  return dhcp || addresses.length > 0 ? [{ name, mac, dhcp, addresses }] : []
}

const textOf = (lines: readonly string[]) => `${lines.join('\n')}\n`

function ethernetFile(network: Network, name: string, card: Ethernet): string {
  const bond = Object.entries(network.bonds ?? {}).find(([, { interfaces }]) =>
    interfaces.includes(name),
  )
  if (bond) return memberFile(network, name, card, bond)
  // Not the permanent MAC: a card of a virtual machine may have none. What stands on a card bears its MAC too.
  const match = ['[Match]', `MACAddress=${macOf(card)}`, 'Kind=!vlan bond bridge macvlan ipvlan']
  return textOf([...match, ...linkLines(card), ...networkLines(network, name, card)])
}

/** A bond gives its own MAC to its members: they are told by what is burnt in. */
function memberFile(
  network: Network,
  name: string,
  card: Ethernet,
  [bondName, { parameters }]: [string, Bond],
): string {
  return textOf([
    '[Match]',
    `PermanentMACAddress=${macOf(card)}`,
    'Kind=!*',
    ...linkLines(card),
    '',
    '[Network]',
    `Bond=${bondName}`,
    ...(parameters.primary === name ? ['PrimarySlave=yes'] : []),
    ...vlansOn(network, name),
    'LinkLocalAddressing=no',
  ])
}

function virtualFile(network: Network, name: string, one: Shared): string {
  return textOf(['[Match]', `Name=${name}`, ...linkLines(one), ...networkLines(network, name, one)])
}

const netdev = (name: string, kind: string, mtu: number | undefined) => [
  ...['[NetDev]', `Name=${name}`, `Kind=${kind}`],
  ...(mtu === undefined ? [] : [`MTUBytes=${mtu}`]),
]

function bondDevice(name: string, { parameters, mtu }: Bond): string {
  const { mode } = parameters
  const rate = parameters['lacp-rate']
  const policy = parameters['transmit-hash-policy']
  return textOf([
    ...netdev(name, 'bond', mtu),
    '',
    '[Bond]',
    `Mode=${mode}`,
    `MIIMonitorSec=${parameters['mii-monitor-interval'] ?? MII_MONITOR_MS}ms`,
    ...(rate === undefined ? [] : [`LACPTransmitRate=${rate}`]),
    ...(policy === undefined ? [] : [`TransmitHashPolicy=${policy}`]),
  ])
}

const linkLines = ({ mtu }: Shared) => (mtu === undefined ? [] : ['', '[Link]', `MTUBytes=${mtu}`])

const vlansOn = ({ vlans = {} }: Network, link: string) =>
  Object.entries(vlans).flatMap(([name, vlan]) => (vlan.link === link ? [`VLAN=${name}`] : []))

function networkLines(network: Network, name: string, one: Shared): string[] {
  const { addresses = [], nameservers, routes = [] } = one
  const dhcp = one.dhcp4 ? (one.dhcp6 ? 'yes' : 'ipv4') : one.dhcp6 ? 'ipv6' : 'no'
  const ra = one['accept-ra']
  return [
    '',
    '[Network]',
    `DHCP=${dhcp}`,
    ...(ra === undefined ? [] : [`IPv6AcceptRA=${ra ? 'yes' : 'no'}`]),
    'LinkLocalAddressing=ipv6',
    ...addresses.map((address) => `Address=${address}`),
    ...(nameservers?.addresses ?? []).map((address) => `DNS=${address}`),
    ...(nameservers?.search ? [`Domains=${nameservers.search.join(' ')}`] : []),
    ...vlansOn(network, name),
    // As the image's own file: one machine, one lease, whatever OS it runs.
    ...(one.dhcp4 ? ['', '[DHCPv4]', 'ClientIdentifier=mac'] : []),
    ...routes.flatMap((route) => routeLines(route, addresses)),
  ]
}

function routeLines(route: Route, addresses: readonly string[]): string[] {
  const { via, metric } = route
  return [
    '',
    '[Route]',
    `Destination=${route.to === 'default' ? everywhere(via, addresses) : route.to}`,
    ...(via === undefined ? [] : [`Gateway=${via}`]),
    ...(via !== undefined && route['on-link'] ? ['GatewayOnLink=yes'] : []),
    ...(metric === undefined ? [] : [`Metric=${metric}`]),
  ]
}

/** Of the gateway's family; without one, of the first address. */
function everywhere(via: string | undefined, addresses: readonly string[]): string {
  const of = via ?? addresses[0]?.split('/')[0]
  return of !== undefined && parseIp(of).bits === 128 ? '::/0' : '0.0.0.0/0'
}
