// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a network must obey beyond its JSON Schema: names that meet, gateways that can be reached. */
import { inNetwork, parseIp, parseNetwork } from './ip.ts'
import type { RecipeProblem } from './recipe-input.ts'
import type { Network } from './recipe-network.ts'

type Interfaces = NonNullable<Network['bonds'] | Network['vlans'] | Network['ethernets']>
type Kind = 'ethernets' | 'bonds' | 'vlans'

const problem = (path: readonly (string | number)[], code: string, message: string) => ({
  path: ['network', ...path],
  code,
  message,
})

/** Every problem of the network. */
export function networkProblems(network: Network): RecipeProblem[] {
  const kinds: [Kind, Interfaces][] = [
    ['ethernets', network.ethernets],
    ['bonds', network.bonds ?? {}],
    ['vlans', network.vlans ?? {}],
  ]
  const all = kinds.flatMap(([kind, interfaces]) =>
    Object.entries(interfaces).map(([name, one]) => ({ path: [kind, name], name, one })),
  )
  return [
    ...twins(
      all.map(({ path, name }) => ({ path, value: name })),
      'interface name',
    ),
    ...twins(macs(network), 'MAC'),
    ...twins(newNames(network), 'set-name'),
    ...twins(ownAddresses(all), 'address'),
    ...macs(network).flatMap(({ path, value }) => groupMac(path, value)),
    ...bondProblems(network),
    ...vlanProblems(network),
    ...all.flatMap(({ path, one }) => [...hostProblems(path, one), ...routeProblems(path, one)]),
  ]
}

interface Placed {
  readonly path: readonly (string | number)[]
  readonly value: string
}

function twins(values: readonly Placed[], what: string): RecipeProblem[] {
  const seen = new Set<string>()
  return values.flatMap(({ path, value }) => {
    if (!seen.has(value)) {
      seen.add(value)
      return []
    }
    return [problem(path, 'duplicate', `is a second use of one ${what}`)]
  })
}

const macs = ({ ethernets }: Network): Placed[] =>
  Object.entries(ethernets).map(([name, { match }]) => ({
    path: ['ethernets', name, 'match', 'macaddress'],
    value: match.macaddress.toLowerCase(),
  }))

const newNames = ({ ethernets }: Network): Placed[] =>
  Object.entries(ethernets).flatMap(([name, one]) => {
    const value = one['set-name']
    return value === undefined ? [] : { path: ['ethernets', name, 'set-name'], value }
  })

/** IEEE 802: the lowest bit of the first byte marks a group; all zero is no card. */
function groupMac(path: Placed['path'], mac: string): RecipeProblem[] {
  const group = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1
  if (!group && mac !== '00:00:00:00:00:00') return []
  return [problem(path, 'invalid_value', 'is not the address of a network card')]
}

type One = Interfaces[string]

const ownAddresses = (all: readonly { path: readonly string[]; one: One }[]): Placed[] =>
  all.flatMap(({ path, one }) =>
    (one.addresses ?? []).map((cidr, index) => {
      const { bits, value } = parseIp(cidr.split('/')[0] ?? '')
      return { path: [...path, 'addresses', index], value: `${bits}:${value}` }
    }),
  )

/** The first address of an IPv4 network names it, the last one calls everybody. */
function hostProblems(path: readonly string[], one: One): RecipeProblem[] {
  return (one.addresses ?? []).flatMap((cidr, index) => {
    const network = parseNetwork(cidr)
    const { value } = parseIp(cidr.split('/')[0] ?? '')
    if (network.bits !== 32 || network.prefix > 30) return []
    const last = network.value + 2n ** BigInt(32 - network.prefix) - 1n
    if (value !== network.value && value !== last) return []
    const message = 'is the network or broadcast address, not that of a host'
    return [problem([...path, 'addresses', index], 'invalid_value', message)]
  })
}

function routeProblems(path: readonly string[], one: One): RecipeProblem[] {
  const networks = (one.addresses ?? []).map(parseNetwork)
  const learns = one.dhcp4 === true || one.dhcp6 === true || one['accept-ra'] === true
  return (one.routes ?? []).flatMap((route, index): RecipeProblem[] => {
    const at = [...path, 'routes', index, 'via']
    if (route.via === undefined) {
      if (route['on-link']) return []
      return [problem(at, 'missing', 'is missing: give a gateway, or on-link: true')]
    }
    const via = parseIp(route.via)
    if (route.to !== 'default' && parseNetwork(route.to).bits !== via.bits) {
      return [problem(at, 'contradiction', 'is of another address family than the destination')]
    }
    const linkLocal = inNetwork(via, LINK_LOCAL)
    if (route['on-link'] || learns || linkLocal) return []
    if (networks.some((network) => inNetwork(via, network))) return []
    return [problem(at, 'unreachable', 'is in none of the networks of this interface')]
  })
}

const LINK_LOCAL = parseNetwork('fe80::/10')

/** Modes in which one member can be preferred: bonding.rst, "primary". */
const WITH_PRIMARY = new Set(['active-backup', 'balance-tlb', 'balance-alb'])

function bondProblems({ ethernets, bonds = {} }: Network): RecipeProblem[] {
  const members = Object.entries(bonds).flatMap(([bond, { interfaces }]) =>
    interfaces.map((value, index) => ({ path: ['bonds', bond, 'interfaces', index], value })),
  )
  return [
    ...twins(members, 'bond member'),
    ...members.flatMap(({ path, value }) =>
      memberProblems(path, Object.hasOwn(ethernets, value) ? ethernets[value] : undefined),
    ),
    ...Object.entries(bonds).flatMap(([bond, { interfaces, parameters }]) => {
      const at = (name: string) => ['bonds', bond, 'parameters', name]
      const { mode, primary } = parameters
      const found: RecipeProblem[] = []
      if (primary !== undefined && !interfaces.includes(primary)) {
        found.push(problem(at('primary'), 'unknown_name', 'is not a member of this bond'))
      }
      if (primary !== undefined && !WITH_PRIMARY.has(mode)) {
        found.push(problem(at('primary'), 'contradiction', `has no meaning in mode ${mode}`))
      }
      if (parameters['lacp-rate'] !== undefined && mode !== '802.3ad') {
        found.push(problem(at('lacp-rate'), 'contradiction', `has no meaning in mode ${mode}`))
      }
      return found
    }),
  ]
}

function memberProblems(
  path: Placed['path'],
  member: Network['ethernets'][string] | undefined,
): RecipeProblem[] {
  if (!member) return [problem(path, 'unknown_name', 'is not one of network.ethernets')]
  const busy = member.dhcp4 || member.dhcp6 || member.addresses || member.routes
  if (!busy) return []
  return [
    problem(path, 'contradiction', 'has addresses or routes of its own: give them to the bond'),
  ]
}

function vlanProblems({ ethernets, bonds = {}, vlans = {} }: Network): RecipeProblem[] {
  const entries = Object.entries(vlans)
  const ids = entries.map(([name, { id, link }]) => ({
    path: ['vlans', name, 'id'],
    value: `${link}.${id}`,
  }))
  const lost = entries.filter(
    ([, { link }]) => !Object.hasOwn(ethernets, link) && !Object.hasOwn(bonds, link),
  )
  return [
    ...twins(ids, 'VLAN id on one link'),
    ...lost.map(([name]) =>
      problem(['vlans', name, 'link'], 'unknown_name', 'is neither an ethernet nor a bond'),
    ),
  ]
}
