// SPDX-License-Identifier: AGPL-3.0-or-later
/** A push that takes minutes, longer than its token lives, and one that stops in the middle. */
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { run } from '../binary/executable.ts'
import { digestOf, freshBytes } from './content.ts'
import { basicOf, type RegistryServer, startSlipway } from './servers.ts'

export interface SlowOptions {
  readonly folder: string
  readonly sizeBytes: number
  readonly bytesPerSecond: number
  /** As configured: so long without a byte cuts an upload. */
  readonly idleMs: number
  readonly built: boolean
  readonly tell: (line: string) => void
}

/** A token for one repository. */
async function tokenOf({ origin, login }: RegistryServer, repository: string): Promise<string> {
  if (!login) throw new Error('the appliance has no login')
  const scope = encodeURIComponent(`repository:${repository}:pull,push`)
  const challenge = (await fetch(`${origin}/v2/`)).headers.get('www-authenticate') ?? ''
  const realm = /realm="([^"]+)"/.exec(challenge)?.[1] ?? ''
  const response = await fetch(`${realm}?scope=${scope}`, {
    headers: { Authorization: basicOf(login) },
  })
  const { token } = (await response.json()) as { token: string }
  return token
}

async function begin(origin: string, repository: string, token: string): Promise<string> {
  const response = await fetch(`${origin}/v2/${repository}/blobs/uploads/`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
  })
  return new URL(response.headers.get('location') ?? '', origin).href
}

async function slowPush(server: RegistryServer, options: SlowOptions): Promise<readonly string[]> {
  const { folder, sizeBytes, bytesPerSecond, tell } = options
  const bytes = freshBytes(sizeBytes)
  const path = join(folder, 'slow')
  await Bun.write(path, bytes)
  const token = await tokenOf(server, 'slow/push')
  const location = await begin(server.origin, 'slow/push', token)
  const started = performance.now()
  const { stdout, stderr } = await run(
    [
      ...['curl', '-sS', '--limit-rate', `${bytesPerSecond}`, '-T', path, '-o', '/dev/null'],
      ...['-H', `Authorization: Bearer ${token}`, '-w', '%{http_code}'],
      `${location}?digest=${digestOf(bytes)}`,
    ],
    { cwd: folder, env: { PATH: process.env['PATH'] ?? '' } },
  )
  const seconds = (performance.now() - started) / 1_000
  tell(`slow push: ${stdout} after ${seconds.toFixed(0)} s`)
  if (stdout !== '201') return [`the slow push ended with ${stdout} ${stderr}`]
  const least = (sizeBytes / bytesPerSecond) * 0.5
  return seconds < least ? [`the slow push took only ${seconds} s`] : []
}

/** Ms until the server cuts a connection that went silent. */
function stall(location: string, token: string, bytes: Uint8Array): Promise<number> {
  const { hostname, port, host, pathname } = new URL(location)
  return new Promise((resolve, reject) => {
    let sent = 0
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      const lines = [
        `PATCH ${pathname} HTTP/1.1`,
        `Host: ${host}`,
        `Authorization: Bearer ${token}`,
      ]
      socket.write(`${lines.join('\r\n')}\r\nContent-Length: ${bytes.length * 2}\r\n\r\n`)
      socket.write(bytes, () => {
        sent = performance.now()
      })
    })
    socket.resume()
    socket.once('error', reject)
    socket.once('close', () => resolve(performance.now() - sent))
  })
}

async function stalledPush(
  server: RegistryServer,
  { idleMs, tell }: SlowOptions,
): Promise<readonly string[]> {
  const bytes = freshBytes(1 << 20)
  const token = await tokenOf(server, 'slow/stall')
  const location = await begin(server.origin, 'slow/stall', token)
  const ms = await stall(location, token, bytes)
  tell(`stalled push: cut after ${(ms / 1_000).toFixed(1)} s`)
  const state = await fetch(location, { headers: { Authorization: `Bearer ${token}` } })
  const range = state.headers.get('range')
  return [
    ...(ms < idleMs * 0.9 || ms > idleMs * 1.2 + 1_000 ? [`cut after ${ms} ms`] : []),
    ...(range === `0-${bytes.length - 1}` ? [] : [`of the stalled push ${range} is kept`]),
  ]
}

/** Resolves with what was wrong. */
export async function runSlow(options: SlowOptions): Promise<readonly string[]> {
  await mkdir(options.folder, { recursive: true })
  await using server = await startSlipway({
    dataDir: join(options.folder, 'data'),
    built: options.built,
    set: ['oci.auth=token', `oci.upload_idle_ms=${options.idleMs}`],
  })
  const found = await Promise.all([slowPush(server, options), stalledPush(server, options)])
  return found.flat()
}
