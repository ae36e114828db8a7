// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Fault } from '../../../core/faults.ts'
import { clientFaults } from './faults.ts'

/** Nobody else will answer by this certificate later. */
const TRUST: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'no CA known here has signed its certificate: give its CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'no CA known here has signed its certificate: give its CA',
  UNABLE_TO_GET_ISSUER_CERT: 'no CA known here has signed its certificate: give its CA',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it has signed its certificate itself: give that as its CA',
  SELF_SIGNED_CERT_IN_CHAIN: 'no CA known here has signed its certificate: give its CA',
  CERT_HAS_EXPIRED: 'its certificate has expired: compare the clocks, then renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for other names: use one of those',
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_BODY_TIMEOUT: 'it stopped sending',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  EAI_AGAIN: 'its name can not be looked up just now',
}

/** An exchange that got no whole answer. Cut connections may be tried again, bad certificates not. */
export function networkFault(url: URL, cause: unknown): Fault {
  const { code = '', message } = cause as { code?: string; message: string }
  const where = url.origin
  const trust = TRUST[code]
  if (trust) return clientFaults.untrusted(`${where} is not trusted: ${trust}`, { cause })
  if (/^ERR_SSL|EPROTO/.test(code)) {
    return clientFaults.untrusted(
      `${where} does not speak TLS: write http://${url.host}/… if it shall be plain`,
      { cause },
    )
  }
  if (code === 'ENOTFOUND') {
    return clientFaults.untrusted(`cannot reach ${where}: its name is not known`, { cause })
  }
  return clientFaults.unreachable(
    `cannot reach the registry at ${where}: ${REASONS[code] ?? message}; is it running there?`,
    { cause },
  )
}
