// SPDX-License-Identifier: AGPL-3.0-or-later
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { certificateFaults } from './faults.ts'

/** Underscores are no host names by RFC 1123, but people have them; a star may stand for the first label. */
const DNS_NAME =
  /^(?=.{1,253}$)(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/**
 * One name in the spelling that certificates are compared by: lower case, no brackets, no last
 * dot, no zone; an IPv6 address in its short form. Undefined when it is no name at all.
 */
export function normalName(name: string): string | undefined {
  const bare = name
    .trim()
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
  if (isIP(bare) === 4) return bare
  // The URL parser knows every spelling of an IPv6 address, ::ffff:192.0.2.1 too.
  if (isIP(bare) === 6) {
    return new URL(`http://[${bare.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  }
  return DNS_NAME.test(bare) && !/^[\d.]+$/.test(bare) ? bare : undefined
}

/** The names in normal form, each once. Throws `certificates.name` for what is none. */
export function normalNames(names: readonly string[]): readonly string[] {
  const normal = names.map((name) => {
    const one = normalName(name)
    if (one !== undefined) return one
    throw certificateFaults.name(
      `${JSON.stringify(name)} can not stand in a certificate: give a host name or an IP address without scheme and port`,
    )
  })
  return [...new Set(normal)]
}

/** How this box may be called without being told: loopback, host name, addresses of its interfaces. */
export function localNames(): readonly string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .map(({ address }) => address)
    // A link-local IPv6 address means nothing without its zone, and a certificate can not hold one.
    .filter((address) => !/^fe[89ab]/i.test(address))
  const host = normalName(hostname())
  return normalNames(['localhost', '127.0.0.1', '::1', ...(host ? [host] : []), ...addresses])
}
