// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import { redfishFaults } from './faults.ts'

interface Asked {
  readonly method: string
  readonly path: string
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

const NO_NAME = /^(ENOTFOUND|EAI_\w+)$/
/** Nothing of the request can have been sent. */
const NO_CONNECTION =
  /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|FailedToOpenSocket)$/
/** Verdicts of BoringSSL and of the comparison of names. */
const NOT_TRUSTED =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA|IP_ADDRESS_MISMATCH)/
/** llhttp could not read it, or it could not be unpacked. */
const NO_HTTP = /^(HPE_|UND_ERR_REQ_|Z_)/
/** The handshake itself failed. */
const NO_TLS = /^(ERR_SSL_|EPROTO)/

/**
 * Says what a failed exchange means for the person who has to mend it. What came as a Fault, from
 * the TLS policy or from keeping a fingerprint, stays as it is.
 */
export function connectionFault(
  cause: unknown,
  host: string,
  asked: Asked,
  limitMs: number,
): Fault {
  if (cause instanceof Fault) return cause
  const code = codeOf(cause)
  const name = cause instanceof Error ? cause.name : ''
  const what = `${asked.method} ${asked.path}`
  const extras = { cause }
  if (NO_NAME.test(code))
    return redfishFaults.unreachable(
      `The name of the BMC ${host} is not known (${code}): check the machine's BMC URL, or use an address.`,
      extras,
    )
  if (NO_CONNECTION.test(code))
    return redfishFaults.unreachable(
      `The BMC ${host} does not accept a connection (${code}): check its address, that it is powered and that this box may reach it.`,
      extras,
    )
  if (NOT_TRUSTED.test(code))
    return redfishFaults.certificateUntrusted(
      `The certificate of the BMC ${host} is not trusted (${code}): give the machine its CA, pin its fingerprint, or use trust on first use.`,
      extras,
    )
  if (NO_TLS.test(code))
    return redfishFaults.notRedfish(
      `The BMC ${host} answered our TLS hello with something else (${code}): check the port and whether its URL should begin with http://.`,
      extras,
    )
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' || code === 'ERR_BUFFER_TOO_LARGE')
    return redfishFaults.notRedfish(
      `The BMC ${host} answered ${what} with more than 8 MiB, which is no Redfish resource: check the machine's BMC URL, or restart the controller.`,
      extras,
    )
  if (name === 'TimeoutError' || /TIMEOUT|ETIMEDOUT/.test(code))
    return redfishFaults.timeout(
      `The BMC ${host} did not answer ${what} within ${limitMs / 1_000} s: it may be overloaded or restarting.`,
      extras,
    )
  if (NO_HTTP.test(code) || name === 'HTTPParserError')
    return redfishFaults.notRedfish(
      `The BMC ${host} answered ${what} with something that is not HTTP (${code || name}): check its URL.`,
      extras,
    )
  return redfishFaults.connectionLost(
    `The connection to the BMC ${host} broke before it had answered ${what}${code ? ` (${code})` : ''}: look whether the controller restarts, or something between drops connections.`,
    extras,
  )
}
