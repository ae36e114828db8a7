// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Socket } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import type { TlsPolicy } from '../../core/machines/machine.ts'
import { type Undici, undici } from '../../core/undici.ts'
import { redfishFaults } from './faults.ts'

/** Facts of the last connection that was made. */
export interface Line {
  /** Our own address on it. */
  localAddress: string
  /** `TLSv1.3`; '' without TLS. */
  protocol: string
}

export interface TrustParts {
  readonly policy: TlsPolicy
  /** Keeps the fingerprint of the first contact. */
  readonly pin: (fingerprint: string) => Promise<void>
  readonly timeoutMs: number
  readonly line: Line
}

type Connector = ReturnType<Undici['buildConnector']>

const hex = (fingerprint: string) => fingerprint.replace(/[^0-9a-f]/gi, '').toUpperCase()

/** IPv4 as IPv4, also on a socket that listens for both. */
const plainAddress = (address: string | undefined) => (address ?? '').replace(/^::ffff:(?=\d)/, '')

function tlsOptions(policy: TlsPolicy) {
  // Old BMCs know no TLS 1.2. Peers agree on the newest they share, and `probe` warns of less.
  const common = { minVersion: 'TLSv1' as const }
  if (policy.mode !== 'ca') return { ...common, rejectUnauthorized: false }
  if (policy.caPem === undefined) return { ...common, rejectUnauthorized: true }
  const known = [...tls.getCACertificates('default'), ...tls.getCACertificates('system')]
  return { ...common, rejectUnauthorized: true, ca: [...new Set(known), policy.caPem] }
}

/**
 * A connector that hands out a socket only after the policy is satisfied: nothing, not even a
 * request line, is written before. With `rejectUnauthorized: false` Bun ignores the verdict of
 * `checkServerIdentity`, so the fingerprint is compared here.
 */
export function createConnector(parts: TrustParts): Connector {
  const connect = undici().buildConnector({
    ...tlsOptions(parts.policy),
    timeout: parts.timeoutMs,
    // A resumed session would show no certificate of its own to compare.
    maxCachedSessions: 0,
  })
  let expected: Promise<string> | undefined =
    parts.policy.mode === 'pin' ? Promise.resolve(hex(parts.policy.fingerprint)) : undefined

  async function check(socket: TLSSocket, host: string): Promise<void> {
    if (parts.policy.mode !== 'pin' && parts.policy.mode !== 'first-use') return
    const fingerprint = socket.getPeerCertificate().fingerprint256
    // Several first connections at once: the first one decides, the others compare.
    expected ??= parts.pin(fingerprint).then(() => hex(fingerprint))
    const wanted = await expected
    if (hex(fingerprint) === wanted) return
    throw redfishFaults.certificateChanged(
      `The BMC ${host} shows another certificate (SHA-256 ${fingerprint}) than the pinned one: nothing was sent to it. If its certificate was renewed on purpose, pin the new one on the machine.`,
    )
  }

  return (options, callback) =>
    connect(options, (error, socket) => {
      if (error || !socket) return callback(error ?? new Error('no socket'), null)
      parts.line.localAddress = plainAddress((socket as Socket).localAddress)
      if (options.protocol !== 'https:') return callback(null, socket)
      const secure = socket as TLSSocket
      parts.line.protocol = secure.getProtocol() ?? ''
      check(secure, options.host ?? options.hostname).then(
        () => callback(null, secure),
        (cause) => {
          secure.destroy()
          callback(cause, null)
        },
      )
    })
}
