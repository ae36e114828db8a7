// SPDX-License-Identifier: AGPL-3.0-or-later
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'

/** For tests: one real TLS handshake over loopback; the client's verdict, and the CNs that the server saw. */
export async function shake(server: tls.TlsOptions, client: tls.ConnectionOptions) {
  const seen: (string | undefined)[] = []
  const listener = tls.createServer(server, (socket) => {
    seen.push(socket.getPeerCertificate()?.subject?.CN?.toString())
    socket.on('error', () => socket.destroy()).end('hello')
  })
  listener.on('tlsClientError', () => undefined)
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const { port } = listener.address() as AddressInfo
  try {
    const verdict = await new Promise<string>((resolve) => {
      const socket = tls.connect({ host: '127.0.0.1', port, ...client })
      socket.on('data', () => resolve('ok'))
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.on('close', () => resolve('closed'))
    })
    return { verdict, seen }
  } finally {
    listener.close()
  }
}
