// SPDX-License-Identifier: AGPL-3.0-or-later
import { networkInterfaces } from 'node:os'
import type { Addresses } from '../core/addresses.ts'
import type { Scheme } from '../core/jobs/bmc.ts'

/** The addresses of this box, with the ports written down once the listeners are open. */
export interface OwnAddresses extends Addresses {
  readonly ports: { http?: number; https?: number; api?: number; local?: string }
  /** Further names that people gave this box. */
  learn(names: readonly string[]): void
}

const LINK_LOCAL = /^(169\.254\.|fe[89ab])/i

/** `names`: of the certificate and of configured base URLs. */
export function createAddresses(names: readonly string[]): OwnAddresses {
  const ports: OwnAddresses['ports'] = {}
  const known = new Set(names.map((name) => name.toLowerCase()))
  return {
    ports,
    learn(more) {
      for (const name of more) known.add(name.toLowerCase())
    },
    fieldPort: (scheme: Scheme) => ports[scheme],
    apiPort: () => ports.api,
    localUrl: () => ports.local,
    own: () =>
      Object.values(networkInterfaces())
        .flatMap((each) => each ?? [])
        .filter((each) => !each.internal && !LINK_LOCAL.test(each.address))
        .map((each) => each.address),
    names: () => [...known],
  }
}

/** Host names of URLs, for the certificate. */
export const hostsOf = (urls: readonly string[]): string[] =>
  urls.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ''))
