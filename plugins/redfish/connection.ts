// SPDX-License-Identifier: AGPL-3.0-or-later
import { gunzipSync } from 'node:zlib'
import { limit } from '../../core/limit.ts'
import type { TlsPolicy } from '../../core/machines/machine.ts'
import { undici } from '../../core/undici.ts'
import { connectionFault } from './connection-fault.ts'
import { redfishFaults } from './faults.ts'
import type { Gate } from './gate.ts'
import { createConnector, type Line } from './trust.ts'

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** An HTTP answer, whole: its text and headers. */
export interface RawAnswer {
  readonly status: number
  header(name: string): string | undefined
  readonly text: string
}

export interface RawRequest {
  readonly method: Method
  /** Path and query on the BMC's origin; there is no way to name another host. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** Undefined: the limit of every request. */
  readonly timeoutMs: number | undefined
}

/** Connections to one BMC under its TLS policy. The caller disposes it. */
export interface Connection extends AsyncDisposable {
  readonly origin: string
  /** `10.0.0.5` or `10.0.0.5:8443`: how messages name the BMC. */
  readonly host: string
  readonly line: Readonly<Line>
  /** One exchange. Throws a Fault when there is no whole answer, the signal's reason when aborted. */
  exchange(request: RawRequest, signal: AbortSignal): Promise<RawAnswer>
}

export interface ConnectionParts {
  readonly url: string
  readonly policy: TlsPolicy
  readonly pin: (fingerprint: string) => Promise<void>
  readonly gate: Gate
  readonly options: {
    readonly connectTimeoutMs: number
    readonly requestTimeoutMs: number
    readonly concurrencyPerBmc: number
  }
}

/** The largest captured resource is below 250 kB; a log or registry may be more. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024

function unpack(bytes: Uint8Array, encoding: string | undefined): Uint8Array {
  // We never ask for it, but some servers compress whatever is asked.
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return bytes
  return gunzipSync(bytes, { maxOutputLength: BODY_LIMIT_BYTES })
}

/** Opens nothing yet: sockets are made when they are needed. */
export function openConnection(parts: ConnectionParts): Connection {
  const { gate, options } = parts
  const { origin, host } = new URL(parts.url)
  const line: Line = { localAddress: '', protocol: '' }
  const agent = new (undici().Agent)({
    connections: options.concurrencyPerBmc,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    maxResponseSize: BODY_LIMIT_BYTES,
    connect: createConnector({
      policy: parts.policy,
      pin: parts.pin,
      timeoutMs: options.connectTimeoutMs,
      line,
    }),
  })

  async function once(request: RawRequest, signal: AbortSignal): Promise<RawAnswer> {
    const limitMs = request.timeoutMs ?? options.requestTimeoutMs
    // The agent's own limits are of silence; this one is of the whole exchange.
    using span = limit(limitMs, signal)
    try {
      const answer = await undici().request(`${origin}${request.path}`, {
        dispatcher: agent,
        method: request.method,
        headers: request.headers,
        body: request.body ?? null,
        headersTimeout: limitMs,
        bodyTimeout: limitMs,
        signal: span.signal,
      })
      // Not the answer itself: its stream would live as long as what is kept of it.
      const { headers, statusCode: status } = answer
      const header = (name: string) => {
        const value = headers[name.toLowerCase()]
        return Array.isArray(value) ? value[0] : value
      }
      const bytes = unpack(await answer.body.bytes(), header('content-encoding')?.toLowerCase())
      gate.answered()
      return { status, header, text: new TextDecoder().decode(bytes) }
    } catch (cause) {
      signal.throwIfAborted()
      const fault = connectionFault(cause, host, request, limitMs)
      if (fault.kind.retry) gate.failed(fault)
      throw fault
    }
  }

  return {
    origin,
    host,
    line,
    async exchange(request, signal) {
      return gate.pass(signal, async () => {
        try {
          return await once(request, signal)
        } catch (error) {
          // iLO resets kept connections (libredfish network.rs): a request that may be repeated gets a fresh one.
          const again = request.method === 'GET' || request.method === 'DELETE'
          if (!again || !isLost(error)) throw error
          return await once(request, signal)
        }
      })
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}

const isLost = (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === redfishFaults.connectionLost('').code
