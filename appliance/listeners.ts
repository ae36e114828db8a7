// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { getRequestListener } from '@hono/node-server'
import type { CoreConfig } from '../core/config.ts'
import { clientAddressOf } from '../core/http/client-address.ts'
import type { ListenerEnv } from '../core/http/context.ts'
import type { Logger } from '../core/log.ts'
import { type RetryPlan, retry } from '../core/retry.ts'
import type { OwnAddresses } from './addresses.ts'
import { type OpenField, openField } from './field.ts'
import { openingFault } from './listen-faults.ts'
import type { Appliance } from './open.ts'

/** Longest silence on a connection: a probe of a slow controller answers late; SSE pulses more often. */
const IDLE_SECONDS = 255

interface Listen {
  readonly hostname?: string
  readonly port: number
}

/** `host:port` or `:port`. */
export function listenOf(text: string): Listen {
  const at = text.lastIndexOf(':')
  const hostname = text.slice(0, at).replace(/^\[|\]$/g, '')
  return { ...(hostname ? { hostname } : {}), port: Number(text.slice(at + 1)) }
}

/** Between closing and opening a port another process may catch it for a moment. */
const REOPENING: RetryPlan = { attempts: 8, pauseMs: 20, again: () => true }

interface ApiListener extends AsyncDisposable {
  readonly port: number
  /** Bun keeps the old certificate through `reload`: the port is closed and opened again. */
  renew(): Promise<void>
}

function openApi(appliance: Appliance, listen: string, key: string, secure: boolean): ApiListener {
  const { apps, certificates } = appliance
  const serve = ({ hostname, port }: Listen) => {
    try {
      return Bun.serve({
        ...(hostname ? { hostname } : {}),
        port,
        // Larger bodies are refused by the routes, each with its own limit.
        maxRequestBodySize: Number.MAX_SAFE_INTEGER,
        idleTimeout: IDLE_SECONDS,
        ...(secure ? { tls: { key: certificates.key, cert: certificates.cert } } : {}),
        fetch(request, server) {
          const { address = '', port: clientPort = 0 } = server.requestIP(request) ?? {}
          const env: ListenerEnv = {
            clientAddress: address.replace(/^::ffff:(?=\d+\.)/, ''),
            clientPort,
            keepOpen: () => server.timeout(request, 0),
          }
          return apps.api.fetch(request, env)
        },
      })
    } catch (cause) {
      throw openingFault(cause, listen, key)
    }
  }
  const where = listenOf(listen)
  let server = serve(where)
  /** Servers of earlier certificates, while responses of theirs still run. */
  const leaving = new Set<typeof server>()
  const port = server.port ?? where.port
  return {
    port,
    async renew() {
      if (!secure) return
      const old = server
      leaving.add(old)
      // The port is free at once; the server ends with its last response, and somebody may watch a
      // job for hours.
      void old.stop().then(() => leaving.delete(old))
      server = await retry(REOPENING, async () => serve({ ...where, port }))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([server, ...leaving].map((each) => each.stop(true)))
    },
  }
}

/** Mutual TLS needs the peer's certificate in the handler, which only this kind of server gives. */
async function openMutual(appliance: Appliance, server: CoreConfig['server'], log: Logger) {
  const { apps, certificates } = appliance
  const ca = server.mtls_ca_file ? await readFile(server.mtls_ca_file, 'utf8') : certificates.caPem
  const http = createServer(
    getRequestListener(
      (request, env) => {
        const { incoming } = env as { incoming: Parameters<typeof clientAddressOf>[0] }
        const peer = (incoming.socket as TLSSocket).getPeerCertificate()
        const name = peer.subject?.CN
        const caller: ListenerEnv = {
          clientAddress: clientAddressOf(incoming),
          ...(typeof name === 'string' ? { clientCertificateName: name } : {}),
        }
        return apps.mutual.fetch(request, caller)
      },
      { overrideGlobalObjects: false },
    ),
  )
  const { key, cert } = certificates
  const tls = createTlsServer(
    { key, cert, ca, requestCert: true, rejectUnauthorized: true },
    (socket) => http.emit('connection', socket),
  )
  tls.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    log.debug({ code: error.code }, 'mutual TLS handshake failed')
    socket.destroy()
  })
  const { hostname: host, port } = listenOf(server.mtls)
  await new Promise<void>((resolve, reject) => {
    tls.once('error', (cause) => reject(openingFault(cause, server.mtls, 'server.mtls')))
    tls.listen({ port, ...(host ? { host } : {}) }, resolve)
  })
  return {
    port: (tls.address() as AddressInfo).port,
    renew: () => tls.setSecureContext({ key: certificates.key, cert: certificates.cert, ca }),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => tls.close(resolve))
    },
  }
}

/** All open ports of the appliance. */
export interface Listeners extends AsyncDisposable {
  /** What people are told at the start: what for, and where. */
  readonly open: readonly { readonly name: string; readonly url: string }[]
  readonly mutualPort: number | undefined
  /** Takes the certificates' present one everywhere. */
  renew(): Promise<void>
}

const shown = (scheme: string, listen: string, port: number) => {
  const { hostname } = listenOf(listen)
  const host = hostname?.includes(':') ? `[${hostname}]` : (hostname ?? '0.0.0.0')
  return `${scheme}://${host}:${port}`
}

/** Opens what the configuration names and writes the ports into `addresses`. Throws `server.port-taken`. */
export async function openListeners(
  appliance: Appliance,
  config: CoreConfig,
  addresses: OwnAddresses,
  log: Logger,
): Promise<Listeners> {
  const { server } = config
  await using opening = new AsyncDisposableStack()
  const open: { name: string; url: string }[] = []
  const renewals: (() => void | Promise<void>)[] = []
  const tls = () => ({ key: appliance.certificates.key, cert: appliance.certificates.cert })

  if (server.https) {
    const listener = opening.use(openApi(appliance, server.https, 'server.https', true))
    addresses.ports.api = listener.port
    renewals.push(listener.renew)
    open.push({ name: 'api', url: shown('https', server.https, listener.port) })
  }
  if (server.local) {
    const listener = opening.use(openApi(appliance, server.local, 'server.local', false))
    addresses.ports.local = shown('http', server.local, listener.port)
    open.push({ name: 'local', url: addresses.ports.local })
  }
  const field = async (scheme: 'http' | 'https', listen: string): Promise<void> => {
    const secure = scheme === 'https'
    const listener: OpenField = opening.use(
      await openField({
        listen,
        field: appliance.apps.field,
        log,
        ...(secure ? { tls: tls() } : {}),
      }),
    )
    addresses.ports[scheme] = listener.port
    if (secure) renewals.push(() => listener.renew(tls()))
    open.push({ name: `bmc-${scheme}`, url: shown(scheme, listen, listener.port) })
  }
  if (server.bmc_http) await field('http', server.bmc_http)
  if (server.bmc_https) await field('https', server.bmc_https)
  const mutual = server.mtls ? opening.use(await openMutual(appliance, server, log)) : undefined
  if (mutual) {
    renewals.push(mutual.renew)
    open.push({ name: 'mtls', url: shown('https', server.mtls, mutual.port) })
  }
  const closing = opening.move()
  return {
    open,
    mutualPort: mutual?.port,
    async renew() {
      for (const renewal of renewals) await renewal()
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}
