// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { createCertificates } from '../core/certificates/certificates.ts'
import { openToken } from '../core/jobs/secrets.ts'
import { openSealer } from '../core/seal.ts'
import { type RunningAppliance, startAppliance } from '../test/harness.ts'
import { post, ready } from '../test/stage.ts'
import { listenOf } from './listeners.ts'

const portOf = (running: RunningAppliance, name: string): number =>
  Number(new URL(running.listeners.open.find((each) => each.name === name)?.url ?? '').port)

/** A handshake that verifies as a client does; the certificate that the server showed. */
function handshake(port: number, options: tls.ConnectionOptions): Promise<tls.PeerCertificate> {
  const { promise, resolve, reject } = Promise.withResolvers<tls.PeerCertificate>()
  const socket = tls.connect({ port, host: '127.0.0.1', ...options }, () => {
    resolve(socket.getPeerCertificate())
    socket.destroy()
  })
  socket.on('error', reject)
  return promise
}

describe('the API over HTTPS', () => {
  let running: RunningAppliance
  let ca: string
  beforeEach(async () => {
    running = await startAppliance({
      set: ['server.names=deploy.test', 'server.bmc_https=127.0.0.1:0'],
    })
    ca = running.appliance.certificates.caPem
  })
  afterEach(() => running[Symbol.asyncDispose]())

  test.each([
    ['by address', {}],
    ['by name', { servername: 'deploy.test' }],
  ])('is verified by our CA %s, on every listener', async (_, options) => {
    for (const name of ['api', 'bmc-https']) {
      const shown = await handshake(portOf(running, name), { ca, ...options })
      expect(shown.fingerprint256).toMatch(/^([0-9A-F]{2}:){31}/)
    }
  })

  test('is not believed under another name, nor without our CA', async () => {
    const port = portOf(running, 'api')
    await expect(handshake(port, { ca, servername: 'other.test' })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
    await expect(handshake(port, {})).rejects.toThrow()
  })

  test('takes a new certificate on the same port while somebody watches and goes on serving', async () => {
    const ports = ['api', 'bmc-https'].map((name) => portOf(running, name))
    const [port = 0] = ports
    const id = await queued()
    const headers = { Authorization: `Bearer ${running.adminToken}` }
    const watching = await fetch(`https://127.0.0.1:${port}/api/v1/jobs/${id}/events`, {
      headers,
      tls: { ca },
    })
    const reader = watching.body?.getReader()
    await reader?.read()

    expect(await running.appliance.certificates.renew(['renewed.test'])).toBe(true)
    await running.listeners.renew()
    for (const each of ports) await handshake(each, { ca, servername: 'renewed.test' })
    const answer = await fetch(`https://127.0.0.1:${port}/healthz`, { tls: { ca } })
    expect(answer.status).toBe(200)
    await reader?.cancel()
  })

  /** A job that waits, for somebody to watch. */
  async function queued(): Promise<string> {
    await running.send('POST', '/api/v1/machines', {
      ...{ serial: 'W-1', bmc_url: 'https://bmc.test', username: 'root', password: 'x' },
    })
    return post(running, 'W-1')
  }
})

test.each([
  ['server.https', 'server.port-taken'],
  ['server.local', 'server.port-taken'],
  ['server.bmc_http', 'field.port-taken'],
  ['server.bmc_https', 'field.port-taken'],
  ['server.mtls', 'server.port-taken'],
])('a port that is taken is said by name with its key %s', async (key) => {
  const other = createServer()
  const port = await new Promise<number>((resolve) => {
    other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port))
  })
  try {
    await expect(startAppliance({ set: [`${key}=127.0.0.1:${port}`] })).rejects.toMatchObject({
      code: expect.stringMatching(/port-taken$/),
      message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port} is taken.*${key}`)),
    })
  } finally {
    other.close()
  }
})

test.each([
  [':8443', { port: 8443 }],
  ['10.0.0.1:80', { hostname: '10.0.0.1', port: 80 }],
  ['[::1]:0', { hostname: '::1', port: 0 }],
])('%s is read as host and port', (text, expected) => {
  expect(listenOf(text)).toEqual(expected)
})

describe('mutual TLS', () => {
  /** A launched job whose test plays the machine, and a way to call with a certificate. */
  async function launched() {
    const stage = await ready({ script: 'never-claim' }, ['server.mtls=127.0.0.1:0'])
    const { running, machine } = stage
    const id = await post(running, machine.serial)
    await running.until(id, (job) => job.powered_on_at !== undefined)
    const { certificates, jobs } = running.appliance
    const job = await jobs.get(id)
    if (!job) throw new Error('no job')
    const token = openToken(await openSealer(join(running.dataDir, 'keys/seal.key')), job)
    const call = async (cn: string | undefined, more: RequestInit = {}) => {
      const client = cn === undefined ? {} : certificates.issueClient(cn, 1)
      const url = `https://127.0.0.1:${running.listeners.mutualPort}/api/v1/status-webhook/${machine.serial}`
      const { key, cert } = client as { key?: string; cert?: string }
      const response = await fetch(url, {
        method: 'POST',
        body: JSON.stringify({ status: 'progress', phase: 'checking' }),
        ...more,
        tls: { ca: certificates.caPem, ...(key && cert ? { key, cert } : {}) },
      })
      return response.status
    }
    return { ...stage, id, token, call }
  }

  test('takes the report of the job or machine that the certificate names, and of no other', async () => {
    await using stage = await launched()
    const { id, call, machine, token } = stage
    expect(await call(id)).toBe(200)
    expect(await call(machine.serial)).toBe(200)
    expect(await call(id.toUpperCase())).toBe(200)
    expect(await call(crypto.randomUUID())).toBe(401)
    // What is sent must all hold.
    const headers = { Authorization: `Bearer ${token}` }
    expect(await call(id, { headers })).toBe(200)
    expect(await call('another-job', { headers })).toBe(401)
    expect(await call(id, { headers: { Authorization: 'Bearer wrong' } })).toBe(401)
  })

  test('refuses those without a certificate, and certificates of another CA', async () => {
    await using stage = await launched()
    const { call, running, id } = stage
    await expect(call(undefined)).rejects.toThrow()
    const elsewhere = await createCertificates({
      dir: join(stage.running.dataDir, 'foreign'),
      now: Date.now,
      names: () => [],
    })
    const { key, cert } = elsewhere.issueClient(id, 1)
    const url = `https://127.0.0.1:${running.listeners.mutualPort}/healthz`
    const { caPem } = running.appliance.certificates
    await expect(fetch(url, { tls: { ca: caPem, key, cert } })).rejects.toThrow()
  })

  test('takes another certificate of ours on the same port', async () => {
    await using stage = await launched()
    const { running, call, id } = stage
    await running.appliance.certificates.renew(['renewed.test'])
    await running.listeners.renew()
    expect(await call(id)).toBe(200)
    const shown = await handshake(running.listeners.mutualPort ?? 0, {
      servername: 'renewed.test',
      ...running.appliance.certificates.issueClient(id, 1),
    })
    expect(shown.subjectaltname).toContain('renewed.test')
  })
})

describe('the listener that BMCs reach', () => {
  const ask = async (running: RunningAppliance, path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${portOf(running, 'bmc-http')}${path}`, {
      method,
    })
    return { status: response.status, body: await response.text() }
  }

  test.each([
    ['GET', '/api/v1/jobs'],
    ['GET', '/api/v1/machines'],
    ['GET', '/metrics'],
    ['POST', '/api/v1/status-webhook/S1'],
    ['POST', '/api/v1/claim/x'],
    ['GET', '/api/v1/ca.pem'],
    ['GET', '/media/t/0123456789abcdef0123456789abcdef/boot.iso'],
    ['GET', '/media/../slipway.db'],
    ['GET', '/%2e%2e/slipway.db'],
    ['POST', '/booted/nobody'],
    ['GET', '/'],
  ])('knows nothing at %s %s', async (method, path) => {
    await using running = await startAppliance()
    expect((await ask(running, path, method)).status).toBe(404)
  })

  test('answers health checks, and the webhook only where that is configured', async () => {
    await using running = await startAppliance({ set: ['webhook.plain=true'] })
    expect((await ask(running, '/healthz')).status).toBe(200)
    expect((await ask(running, '/readyz')).status).toBe(200)
    expect((await ask(running, '/api/v1/status-webhook/S1', 'POST')).status).toBe(401)
    expect((await ask(running, '/api/v1/jobs')).status).toBe(404)
  })
})

test('a start that fails at a later port leaves no earlier one open', async () => {
  const other = createServer()
  const free = createServer()
  const listen = (server: typeof other) =>
    new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
    })
  const [taken, wanted] = [await listen(other), await listen(free)]
  await new Promise((resolve) => free.close(resolve))
  const set = [`server.https=127.0.0.1:${wanted}`, `server.mtls=127.0.0.1:${taken}`]
  await expect(startAppliance({ set })).rejects.toThrow(/server\.mtls/)
  await expect(handshake(wanted, { rejectUnauthorized: false })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  })
  other.close()
})
