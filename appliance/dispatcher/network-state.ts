// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { inNetwork, parseIp, parseNetwork } from '../../schemas/ip.ts'
import type { MachineOs } from './machine-os.ts'
import type { WantedInterface } from './network-plan.ts'

/** What `ip -json` of iproute2 says, as far as it is read. */
const IpAddresses = v.array(
  v.looseObject({
    ifname: v.string(),
    flags: v.optional(v.array(v.string()), []),
    link_type: v.optional(v.string(), ''),
    address: v.optional(v.string(), ''),
    /** Of a bond's member, which bears the MAC of the bond. */
    permaddr: v.optional(v.string()),
    linkinfo: v.optional(v.looseObject({ info_kind: v.optional(v.string()) })),
    addr_info: v.optional(
      v.array(
        v.looseObject({
          local: v.optional(v.string(), ''),
          prefixlen: v.optional(v.number(), 0),
          scope: v.optional(v.string(), ''),
          tentative: v.optional(v.boolean(), false),
        }),
      ),
      [],
    ),
  }),
)

/** An interface as it is now. */
export interface LinkState {
  readonly name: string
  /** Lower case. */
  readonly mac: string
  /** Made by the kernel out of others: `bond`, `vlan` … */
  readonly kind: string | undefined
  readonly carrier: boolean
  /** Those that others can reach, with their prefixes. */
  readonly addresses: readonly string[]
}

/** All interfaces but the loopback; undefined when this OS does not tell. */
export async function readLinks(os: MachineOs): Promise<readonly LinkState[] | undefined> {
  const { code, stdout } = await os.run(['ip', '-details', '-json', 'address', 'show'])
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), IpAddresses), stdout)
  if (code !== 0 || !parsed.success) return undefined
  return parsed.output
    .filter(({ link_type }) => link_type === 'ether')
    .map(({ ifname, flags, address, permaddr, linkinfo, addr_info }) => ({
      name: ifname,
      mac: (permaddr ?? address).toLowerCase(),
      kind: linkinfo?.info_kind,
      carrier: flags.includes('LOWER_UP'),
      addresses: addr_info
        .filter(({ scope, tentative }) => scope === 'global' && !tentative)
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    }))
}

/** How far the network has come. */
export interface NetworkState {
  /** What has its addresses, in words. */
  readonly up: readonly string[]
  /** What lacks something, in words. */
  readonly lacking: readonly string[]
}

/** Kinds that bear the MAC of the card below them. */
const BORROWERS = new Set(['vlan', 'bond', 'bridge', 'macvlan', 'ipvlan'])

/** Compares what is there with what the recipe wants; without a wish every card is to get an address by DHCP. */
export function judgeNetwork(
  links: readonly LinkState[],
  wanted: readonly WantedInterface[] | undefined,
): NetworkState {
  const wishes = wanted ?? links.map(byDhcp)
  const judged = wishes.map((wish) => judge(links, wish))
  const none = links.length === 0 ? ['the kernel knows no network card'] : []
  return {
    up: judged.filter(({ isUp }) => isUp).map(({ words }) => words),
    lacking: [...none, ...judged.filter(({ isUp }) => !isUp).map(({ words }) => words)],
  }
}

const byDhcp = ({ name, mac }: LinkState): WantedInterface => ({
  ...{ name, mac, dhcp: true, addresses: [] },
})

function judge(links: readonly LinkState[], wish: WantedInterface) {
  const { name, mac, dhcp, addresses } = wish
  const link = links.find((one) =>
    mac === undefined ? one.name === name : one.mac === mac && !BORROWERS.has(one.kind ?? ''),
  )
  const bad = (words: string) => ({ isUp: false, words })
  if (!link) return bad(mac ? `no card has the MAC ${mac} (${name})` : `${name} could not be made`)
  const words = mac ? `${link.name} (${mac})` : name
  if (!link.carrier) return bad(`${words} has no link: look at its cable and its switch port`)
  const absent = addresses.filter((address) => !link.addresses.some(same(address)))
  if (absent.length > 0) return bad(`${words} does not get its address ${absent.join(', ')}`)
  if (dhcp && link.addresses.length === 0) {
    return bad(`${words} has a link, but nobody gives it an address (DHCP, router advertisement)`)
  }
  return { isUp: true, words: `${words} has ${link.addresses.join(', ')}` }
}

/** The kernel writes IPv6 addresses in its own way. */
const same = (wanted: string) => (other: string) => {
  const { prefix } = parseNetwork(wanted)
  const exact = { ...parseIp(wanted.split('/')[0] ?? ''), prefix: wanted.includes(':') ? 128 : 32 }
  const network = parseNetwork(other)
  return network.prefix === prefix && inNetwork(parseIp(other.split('/')[0] ?? ''), exact)
}
