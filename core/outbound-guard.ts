// SPDX-License-Identifier: AGPL-3.0-or-later
import { lookup } from 'node:dns/promises'
import type { Addresses } from './addresses.ts'
import { defineFaults } from './faults.ts'
import { canonicalAddress, forbiddenBecause } from './outbound-addresses.ts'
import { MINUTE } from './units.ts'

export const outboundFaults = defineFaults('outbound', {
  url: { status: 400, retry: false },
  forbidden: { status: 400, retry: false },
  unreachable: { status: 502, retry: true },
  refused: { status: 502, retry: false },
  redirects: { status: 502, retry: false },
  tooLarge: { status: 400, retry: false },
  slow: { status: 502, retry: true },
})

export interface OutboundGuardParts {
  readonly addresses: Addresses
  /** Hosts of all known BMCs, as their URLs name them: names or addresses. */
  readonly bmcHosts: () => Promise<readonly string[]>
  readonly now: () => number
  /** For tests, which may talk to loopback only; never set from configuration. */
  readonly allowLoopback?: boolean
}

/** What a person may read of a URL: no query, which may carry a token. */
export const shownUrl = (url: URL) => `${url.origin}${url.pathname.slice(0, 100)}`

const bareHost = (url: URL) => url.hostname.replace(/^\[|\]$/g, '').toLowerCase()

const portOf = (url: URL) => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

/** The canonical addresses behind a host, an IP or a name. Rejects as the resolver does. */
async function addressesOf(host: string): Promise<readonly string[]> {
  const literal = canonicalAddress(host)
  if (literal) return [literal]
  const found = await lookup(host, { all: true })
  return found.flatMap(({ address }) => canonicalAddress(address) ?? [])
}

/** Names of BMCs are looked up again after this long. */
const BMC_NAMES_MS = 5 * MINUTE

/** Remembers which addresses are those of BMCs. A name that does not resolve leads nowhere. */
function createBmcAddresses({ bmcHosts, now }: OutboundGuardParts) {
  const known = new Map<string, { readonly until: number; readonly found: readonly string[] }>()
  const resolve = async (host: string): Promise<readonly string[]> => {
    const before = known.get(host)
    if (before && before.until > now()) return before.found
    const found = await addressesOf(host).catch(() => [])
    known.set(host, { until: now() + BMC_NAMES_MS, found })
    return found
  }
  return async (): Promise<ReadonlySet<string>> => {
    const hosts = [...new Set(await bmcHosts())].map((host) => host.toLowerCase())
    return new Set([...hosts, ...(await Promise.all(hosts.map(resolve))).flat()])
  }
}

/** Says which addresses a URL may be fetched from. */
export interface OutboundGuard {
  /** All addresses behind the URL's host. Throws `outbound.forbidden` when one of them is not for us. */
  allow(url: URL): Promise<readonly string[]>
}

export function createOutboundGuard(parts: OutboundGuardParts): OutboundGuard {
  const bmcAddresses = createBmcAddresses(parts)
  return {
    async allow(url) {
      const host = bareHost(url)
      const found = await addressesOf(host).catch((cause: unknown) => {
        throw outboundFaults.unreachable(`${host} can not be resolved; check the name`, { cause })
      })
      const bmcs = await bmcAddresses()
      for (const address of found) {
        const isBmc = bmcs.has(host) || bmcs.has(address)
        const why = isBmc ? 'a BMC' : refusedBecause(host, address, portOf(url), parts)
        if (!why) continue
        throw outboundFaults.forbidden(
          `${shownUrl(url)} leads to ${why}, which is not fetched from; give another URL`,
        )
      }
      return found
    },
  }
}

function refusedBecause(
  host: string,
  address: string,
  port: number,
  { addresses, allowLoopback = false }: OutboundGuardParts,
): string | undefined {
  const why = forbiddenBecause(address)
  if (why && !(why === 'loopback' && allowLoopback)) return `a ${why} address`
  const here =
    why === 'loopback' ||
    addresses.own().map(canonicalAddress).includes(address) ||
    // Behind address translation the name is all that tells.
    addresses.names().includes(host)
  return here && ourPorts(addresses).includes(port) ? 'this appliance itself' : undefined
}

function ourPorts(addresses: Addresses): readonly (number | undefined)[] {
  const local = addresses.localUrl()
  return [
    addresses.fieldPort('http'),
    addresses.fieldPort('https'),
    addresses.apiPort(),
    local === undefined ? undefined : Number(new URL(local).port),
  ]
}
