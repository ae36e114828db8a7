// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { Fault } from '../core/faults.ts'
import { requestContext } from '../core/http/context.ts'
import { createLog } from '../core/log.ts'
import { createField, type FieldOptions, type FieldTls, openField } from './field.ts'

const log = createLog('silent')
const folder = mkdtempSync(join(tmpdir(), 'slipway-field-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A self-signed certificate of that name. */
function certificate(name: string): FieldTls {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)]
  const made = Bun.spawnSync([
    ...[
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
    ],
    ...['-keyout', key, '-out', cert, '-days', '2', '-subj', `/CN=${name}`],
  ])
  if (made.exitCode !== 0) throw new Error(made.stderr.toString())
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

function sampleField() {
  const field = createField()
  field.app.use(requestContext)
  field.app.get('/healthz', (c) => c.text(`ok ${c.get('clientAddress')}`))
  field.raw('/raw/', (request, response) => response.end(`general ${request.url}`))
  field.raw('/raw/deep/', (request, response) => response.end(`deep ${request.url}`))
  field.raw('/bug', () => {
    throw new Error('a bug')
  })
  return field
}

const openSample = (options: Partial<FieldOptions> = {}) =>
  openField({ listen: '127.0.0.1:0', field: sampleField(), log, ...options })

/** Sends `text` as it is and gives back everything until the server closes. */
function talk(port: number, text: string, socket: Socket = connect(port, '127.0.0.1')) {
  return new Promise<string>((resolve, reject) => {
    let answer = ''
    socket.on('data', (data) => {
      answer += data.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
    socket.write(text)
  })
}

const secure = (port: number) =>
  new Promise<ReturnType<typeof connectTls>>((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () =>
      resolve(socket),
    )
    socket.on('error', reject)
  })

describe('routes of the field', () => {
  test('raw prefixes take their requests, the longest first; the app gets the rest with the caller’s address', async () => {
    await using open = await openSample()
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${open.port}${path}`)).text()
    expect(await get('/raw/a?b=c')).toBe('general /raw/a?b=c')
    expect(await get('/raw/deep/a')).toBe('deep /raw/deep/a')
    expect(await get('/healthz')).toBe('ok 127.0.0.1')
    expect((await fetch(`http://127.0.0.1:${open.port}/other`)).status).toBe(404)
  })

  test('an IPv4 caller of a dual-stack port is told as IPv4', async () => {
    await using open = await openSample({ listen: ':0' })
    expect(await (await fetch(`http://127.0.0.1:${open.port}/healthz`)).text()).toBe('ok 127.0.0.1')
  })

  test('routes can be exchanged while the port stays open', async () => {
    const box = { field: sampleField() }
    await using open = await openSample({
      field: {
        get listener() {
          return box.field.listener
        },
      },
    })
    box.field = createField()
    box.field.app.get('/healthz', (c) => c.text('new'))
    expect(await (await fetch(`http://127.0.0.1:${open.port}/healthz`)).text()).toBe('new')
  })

  test.each([
    [
      'HTTP/1.0 without Host',
      'GET /healthz HTTP/1.0\r\n\r\n',
      /^HTTP\/1\.[01] 200 .*ok 127\.0\.0\.1$/s,
    ],
    [
      'a whole URL as target',
      'GET http://box/raw/x HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n',
      /general \/raw\/x$/,
    ],
    [
      'a bug in a handler',
      'GET /bug HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n',
      /^HTTP\/1\.1 500 /,
    ],
    [
      'an asterisk as target',
      'OPTIONS * HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n',
      /^HTTP\/1\.1 4\d\d /,
    ],
    [
      'a hostile Host',
      'GET /healthz HTTP/1.1\r\nHost: a b/../c\r\nConnection: close\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    ['no HTTP at all', 'NONSENSE\r\n\r\n', /^HTTP\/1\.1 400 .*Content-Length: 0/s],
    ['a version that does not exist', 'GET / HTTP/9.9\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['TLS on the plain port', '\x16\x03\x01\x02\x00\x01\x00\x01', /^HTTP\/1\.1 400 /],
    [
      'a header of 100 KB',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    [
      'two lengths',
      'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      /^HTTP\/1\.1 400 /,
    ],
  ])('%s is answered, and the port lives on', async (_name, text, expected) => {
    await using open = await openSample()
    expect(await talk(open.port, text)).toMatch(expected)
    expect((await fetch(`http://127.0.0.1:${open.port}/healthz`)).status).toBe(200)
  })

  test('a connection carries several requests, and hundreds of short ones pass', async () => {
    await using open = await openSample()
    const two =
      'GET /raw/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /raw/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    expect(await talk(open.port, two)).toMatch(/general \/raw\/1.*general \/raw\/2$/s)
    const short = 'GET /raw/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const answers = await Promise.all(Array.from({ length: 300 }, () => talk(open.port, short)))
    expect(answers.filter((answer) => answer.endsWith('general /raw/x'))).toHaveLength(300)
  })
})

describe.each(['http', 'https'])('connections over %s', (scheme) => {
  const tls = scheme === 'https' ? { tls: certificate('limits') } : {}
  const reach = async (port: number) =>
    scheme === 'https' ? secure(port) : connect(port, '127.0.0.1')

  test.each([
    ['silent', ''],
    ['slow with its header', 'GET /healthz HTTP/1.1\r\nHo'],
  ])('one that is %s is cut', async (_name, text) => {
    await using open = await openSample({ ...tls, limits: { headerMs: 100 } })
    expect(await talk(open.port, text, await reach(open.port))).not.toContain(' 200 ')
  })

  test('one kept alive without a request is cut after its answer', async () => {
    await using open = await openSample({ ...tls, limits: { idleMs: 100 } })
    const text = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
    expect(await talk(open.port, text, await reach(open.port))).toContain('ok 127.0.0.1')
  })

  test('a response longer than those limits goes to its end', async () => {
    const field = createField()
    field.raw('/', async (_request, response) => {
      response.writeHead(200, { 'Content-Length': 5 })
      for (const letter of 'whole') {
        response.write(letter)
        await Bun.sleep(60)
      }
      response.end()
    })
    await using open = await openSample({ ...tls, field, limits: { headerMs: 50, idleMs: 50 } })
    const text = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    expect(await talk(open.port, text, await reach(open.port))).toEndWith('whole')
  })

  test('a reader that takes nothing any more is cut', async () => {
    const field = createField()
    const cut = Promise.withResolvers<void>()
    field.raw('/', (_request, response) => {
      response.on('close', cut.resolve)
      response.writeHead(200, { 'Content-Length': 100_000_000 })
      response.write(Buffer.alloc(50_000_000))
    })
    await using open = await openSample({ ...tls, field, limits: { stallMs: 150 } })
    const socket = await reach(open.port)
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    socket.pause()
    await cut.promise
    socket.destroy()
  })

  test('closing lets a running response end, cuts idle connections, and frees the port', async () => {
    const begun = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const field = createField()
    field.raw('/', async (_request, response) => {
      response.writeHead(200, { 'Content-Length': 4 }).write('do')
      begun.resolve()
      await goOn.promise
      response.end('ne')
    })
    const open = await openSample({ ...tls, field })
    // A first byte: the kernel hands a silent connection over only after a second.
    const idle = talk(open.port, 'G', await reach(open.port))
    const running = talk(open.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', await reach(open.port))
    await begun.promise
    const closed = open[Symbol.asyncDispose]()
    expect(await idle).toBe('')
    goOn.resolve()
    expect(await running).toEndWith('done')
    await closed
    await using again = await openSample({ ...tls, listen: `127.0.0.1:${open.port}` })
    expect(again.port).toBe(open.port)
  })

  test('closing does not wait for ever', async () => {
    const field = createField()
    const begun = Promise.withResolvers<void>()
    field.raw('/', (_request, response) => {
      response.writeHead(200, { 'Content-Length': 4 }).write('do')
      begun.resolve()
    })
    const open = await openSample({ ...tls, field, limits: { closeMs: 50 } })
    const running = talk(open.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', await reach(open.port))
    await begun.promise
    await open[Symbol.asyncDispose]()
    expect(await running).toEndWith('do')
  })
})

describe('https', () => {
  test('a new certificate serves new connections, and old ones go on', async () => {
    await using open = await openSample({ tls: certificate('first') })
    const old = await secure(open.port)
    expect(old.getPeerCertificate().subject.CN).toBe('first')
    open.renew(certificate('second'))
    const fresh = await secure(open.port)
    expect(fresh.getPeerCertificate().subject.CN).toBe('second')
    const text = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    expect(await talk(open.port, text, old)).toContain('ok 127.0.0.1')
    expect(await talk(open.port, text, fresh)).toContain('ok 127.0.0.1')
  })

  test('plain HTTP on the TLS port and a silent handshake end, and the port lives on', async () => {
    await using open = await openSample({ tls: certificate('plain'), limits: { headerMs: 100 } })
    const swallow = (error: Error) => error.message
    await talk(open.port, 'GET / HTTP/1.1\r\n\r\n').catch(swallow)
    await talk(open.port, '').catch(swallow)
    const text = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    expect(await talk(open.port, text, await secure(open.port))).toContain('ok 127.0.0.1')
  })
})

describe('a port that can not be opened', () => {
  const fault = (options: Partial<FieldOptions>) =>
    openSample(options).then(
      () => expect.unreachable(),
      (error: Fault) => error,
    )

  test('is named with its configuration key when it is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.on('listening', resolve))
    const address = other.address()
    const port = typeof address === 'object' ? address?.port : 0
    const listen = `127.0.0.1:${port}`
    const plain = await fault({ listen })
    expect(plain).toBeInstanceOf(Fault)
    expect([plain.code, plain.message]).toEqual([
      'server.port-taken',
      `${listen} is taken by another process: stop it, or choose another port with server.bmc_http`,
    ])
    expect((await fault({ listen, tls: certificate('taken') })).message).toContain(
      'server.bmc_https',
    )
    other.close()
  })

  test('is named when the address is not ours', async () => {
    const { code, message } = await fault({ listen: '192.0.2.1:8080' })
    expect(code).toBe('server.not-opened')
    expect(message).toContain('192.0.2.1:8080')
  })
})
