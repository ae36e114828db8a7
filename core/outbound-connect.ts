// SPDX-License-Identifier: AGPL-3.0-or-later
import { rootCertificates } from 'node:tls'
import { canonicalAddress } from './outbound-addresses.ts'
import { type Undici, undici } from './undici.ts'
import { SECOND } from './units.ts'

/**
 * An agent for one URL whose connections go to the given addresses, tried in turn, whatever the
 * name resolves to by then. The certificate is still judged by the name. Must be destroyed.
 */
export function pinnedAgent(
  url: URL,
  addresses: readonly string[],
  caPem: string | undefined,
): InstanceType<Undici['Agent']> {
  const connect = undici().buildConnector({
    timeout: 10 * SECOND,
    // A list of CAs replaces the built-in ones.
    ...(caPem === undefined ? {} : { ca: [...rootCertificates, caPem] }),
  })
  const servername = canonicalAddress(url.hostname) ? {} : { servername: url.hostname }
  return new (undici().Agent)({
    connections: 1,
    connect(options, callback) {
      const tryFrom = (index: number) => {
        const address = addresses[index] ?? ''
        connect(
          { ...options, hostname: address, host: address, ...servername },
          (error, socket) => {
            if (error && index + 1 < addresses.length) tryFrom(index + 1)
            else if (error) callback(error, null)
            else callback(null, socket)
          },
        )
      }
      tryFrom(0)
    },
  })
}
