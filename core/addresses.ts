// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Scheme } from './jobs/bmc.ts'

/** Where this appliance can be reached. Ports are known once the listeners are open. */
export interface Addresses {
  /** Port of the BMC-facing listener of that scheme, undefined when it is off. */
  fieldPort(scheme: Scheme): number | undefined
  /** Port of the HTTPS API listener, undefined when it is off. */
  apiPort(): number | undefined
  /** Origin of the loopback API listener, undefined when it is off. */
  localUrl(): string | undefined
  /** IP addresses of this box that are not loopback or link-local. */
  own(): readonly string[]
  /** Names that people gave this box: of its certificate and its base URLs, lower case. */
  names(): readonly string[]
}

/** Does this host of an `oci_url` lead to our API listener? Without a port it is https's, 443. */
export function isOurHost(host: string, addresses: Addresses): boolean {
  const url = URL.parse(`https://${host}`)
  if (!url) return false
  const { hostname, port } = url
  const local = addresses.localUrl()
  const localPort = local === undefined ? undefined : Number(new URL(local).port)
  const asked = port === '' ? 443 : Number(port)
  if (asked !== addresses.apiPort() && asked !== localPort) return false
  const names = ['localhost', '127.0.0.1', ...addresses.own(), ...addresses.names()]
  return names.includes(hostname.toLowerCase())
}
