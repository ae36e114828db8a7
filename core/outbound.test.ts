// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, describe, expect, test } from 'bun:test'
import undici from 'undici/index.js'
import type { Addresses } from './addresses.ts'
import { selfSigned } from './certificates/self-signed.ts'
import { Fault } from './faults.ts'
import { createOutbound, type OutboundParts } from './outbound.ts'
import { pinnedAgent } from './outbound-connect.ts'

const servers: Bun.Server<undefined>[] = []
afterAll(async () => {
  for (const server of servers) await server.stop(true)
})

/** A server on loopback; counts what reached it. */
function serve(answer: (request: Request) => Response | Promise<Response>, tls?: Bun.TLSOptions) {
  const requests: Headers[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    ...(tls ? { tls } : {}),
    fetch: (request) => {
      // Bun empties a request once it is answered.
      requests.push(new Headers(request.headers))
      return answer(request)
    },
  })
  servers.push(server)
  return { port: server.port ?? 0, url: `http://127.0.0.1:${server.port}`, requests }
}

const nowhere: Addresses = {
  fieldPort: () => undefined,
  apiPort: () => undefined,
  localUrl: () => undefined,
  own: () => [],
  names: () => [],
}

const outbound = (parts: Partial<OutboundParts> = {}) =>
  createOutbound({
    addresses: nowhere,
    bmcHosts: async () => [],
    now: () => 0,
    allowLoopback: true,
    ...parts,
  })

const limits = { maxBytes: 1_000 }

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof Fault) return error
  throw new Error('expected a fault', { cause: error })
}

test('a body comes back as it was sent, and says from where without its query', async () => {
  const { url, requests } = serve(() => new Response('hello'))
  const { bytes, from } = await outbound().fetchBytes(`${url}/a?token=secret`, limits)
  expect(new TextDecoder().decode(bytes)).toBe('hello')
  expect(from).toBe(`${url}/a`)
  expect(requests[0]?.get('accept-encoding')).toBe('identity')
  expect(requests[0]?.get('authorization')).toBeNull()
})

test('a compressed body stays compressed', async () => {
  const packed = Bun.gzipSync(new TextEncoder().encode('x'.repeat(100_000)))
  const { url } = serve(() => new Response(packed, { headers: { 'content-encoding': 'gzip' } }))
  const { bytes } = await outbound().fetchBytes(url, limits)
  expect(bytes).toEqual(packed)
})

test.each([
  ['ftp://example.org/x'],
  ['file:///etc/passwd'],
  ['example.org/x'],
  ['http://user:pw@example.org/x'],
])('%s is not fetched at all', async (url) => {
  const fault = await faultOf(outbound().fetchBytes(url, limits))
  expect(fault.code).toBe('outbound.url')
  expect(fault.message).not.toContain('pw')
})

describe('addresses that nobody may reach through us', () => {
  test.each([
    'http://127.0.0.1:1/',
    'http://localhost:1/',
    'http://2130706433:1/',
    'http://0x7f.1:1/',
    'http://[::1]:1/',
    'http://[::ffff:127.0.0.1]:1/',
    'http://169.254.169.254/latest/meta-data',
    'http://0.0.0.0:1/',
    'http://[fe80::1]/',
    'http://224.0.0.1/',
  ])('%s', async (url) => {
    const fault = await faultOf(outbound({ allowLoopback: false }).fetchBytes(url, limits))
    expect(fault.code).toBe('outbound.forbidden')
  })

  test('our own listeners, on every address of ours', async () => {
    const { port, url, requests } = serve(() => new Response('secret'))
    for (const ours of [
      { ...nowhere, apiPort: () => port },
      { ...nowhere, fieldPort: () => port },
      { ...nowhere, localUrl: () => url },
    ]) {
      expect((await faultOf(outbound({ addresses: ours }).fetchBytes(url, limits))).code).toBe(
        'outbound.forbidden',
      )
    }
    const lan = { ...nowhere, apiPort: () => 8443, own: () => ['192.0.2.7'] }
    const fault = await faultOf(
      outbound({ addresses: lan }).fetchBytes('https://192.0.2.7:8443/', limits),
    )
    expect(fault.message).toContain('this appliance itself')
    const named = { ...nowhere, apiPort: () => 8443, names: () => ['192.0.2.8'] }
    const behind = outbound({ addresses: named }).fetchBytes('https://192.0.2.8:8443/', limits)
    expect((await faultOf(behind)).message).toContain('this appliance itself')
    expect(requests).toHaveLength(0)
  })

  test.each([
    ['by its address', 'http://127.0.0.1', ['127.0.0.1']],
    ['by its address when we know its name', 'http://127.0.0.1', ['localhost']],
    ['by its name', 'http://localhost', ['LOCALHOST']],
    ['in another spelling', 'http://[::ffff:127.0.0.1]', ['127.0.0.1']],
  ])('a BMC %s', async (_name, origin, hosts) => {
    const { port, requests } = serve(() => new Response('redfish'))
    const fault = await faultOf(
      outbound({ bmcHosts: async () => hosts }).fetchBytes(`${origin}:${port}/redfish/v1`, limits),
    )
    expect(fault.code).toBe('outbound.forbidden')
    expect(fault.message).toContain('a BMC')
    expect(requests).toHaveLength(0)
  })
})

test('the address that was checked is the one that is called, whatever the name says by then', async () => {
  const { port } = serve(() => new Response('pinned'))
  // No resolver knows this name: a second look-up would fail.
  const url = new URL(`http://rebound.invalid:${port}/`)
  const agent = pinnedAgent(url, ['127.0.0.1'], undefined)
  try {
    const { body } = await undici.request(url, { dispatcher: agent })
    expect(await body.text()).toBe('pinned')
  } finally {
    await agent.destroy()
  }
})

test('when the first address of a name does not answer, the next is tried', async () => {
  const { port } = serve(() => new Response('second'))
  const url = new URL(`http://two.invalid:${port}/`)
  // Nothing listens on the other loopback address at that port.
  const agent = pinnedAgent(url, ['127.0.0.2', '127.0.0.1'], undefined)
  try {
    const { body } = await undici.request(url, { dispatcher: agent })
    expect(await body.text()).toBe('second')
  } finally {
    await agent.destroy()
  }
})

describe('redirects', () => {
  const hops = (count: number) =>
    serve((request) => {
      const left = Number(new URL(request.url).searchParams.get('left') ?? count)
      if (left === 0) return new Response('there')
      return new Response(null, { status: 302, headers: { location: `/?left=${left - 1}` } })
    })

  test('three are followed', async () => {
    const { bytes } = await outbound().fetchBytes(hops(3).url, limits)
    expect(new TextDecoder().decode(bytes)).toBe('there')
  })

  test('a fourth is not', async () => {
    const { url, requests } = hops(4)
    expect((await faultOf(outbound().fetchBytes(url, limits))).code).toBe('outbound.redirects')
    expect(requests).toHaveLength(4)
  })

  test.each([
    ['http://169.254.169.254/latest', 'outbound.forbidden'],
    ['file:///etc/passwd', 'outbound.url'],
    ['http://user:pw@127.0.0.1:1/', 'outbound.url'],
    ['http://[', 'outbound.redirects'],
  ])('to %s ends as %s', async (location, code) => {
    const { url } = serve(() => new Response(null, { status: 307, headers: { location } }))
    expect((await faultOf(outbound().fetchBytes(url, limits))).code).toBe(code)
  })
})

describe('limits', () => {
  test('a body one byte too long is refused, one that just fits is not', async () => {
    const { url } = serve(() => new Response('x'.repeat(1_000)))
    expect((await outbound().fetchBytes(url, { maxBytes: 1_000 })).bytes).toHaveLength(1_000)
    const fault = await faultOf(outbound().fetchBytes(url, { maxBytes: 999 }))
    expect(fault.code).toBe('outbound.too-large')
  })

  test('an endless body is cut at the limit', async () => {
    const canceled = Promise.withResolvers<void>()
    const { url } = serve(
      () =>
        new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
            cancel: () => canceled.resolve(),
          }),
        ),
    )
    expect((await faultOf(outbound().fetchBytes(url, limits))).code).toBe('outbound.too-large')
    await canceled.promise
  })

  test('a server that does not answer is given up', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>()
    const { url } = serve(() => promise)
    const fault = await faultOf(outbound().fetchBytes(url, { ...limits, timeoutMs: 50 }))
    expect(fault.code).toBe('outbound.slow')
    expect(fault.kind.retry).toBe(true)
    resolve(new Response())
  })

  test('a resolver that does not answer is given up too', async () => {
    const { url } = serve(() => new Response())
    const stuck = outbound({ bmcHosts: () => new Promise(() => undefined) })
    const fault = await faultOf(stuck.fetchBytes(url, { ...limits, timeoutMs: 50 }))
    expect(fault.code).toBe('outbound.slow')
  })

  test('the caller can stop it', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>()
    const { url } = serve(() => promise)
    const reason = new Error('not needed any more')
    const abort = new AbortController()
    const work = outbound().fetchBytes(url, { ...limits, signal: abort.signal })
    abort.abort(reason)
    expect(await work.catch((error: unknown) => error)).toBe(reason)
    resolve(new Response())
  })
})

test('an answer that is not 200 names its status', async () => {
  const { url } = serve(() => new Response('gone', { status: 404 }))
  const fault = await faultOf(outbound().fetchBytes(url, limits))
  expect([fault.code, fault.message.includes('404')]).toEqual(['outbound.refused', true])
})

test('nobody listening is told as unreachable', async () => {
  const { port } = serve(() => new Response())
  await servers.pop()?.stop(true)
  const fault = await faultOf(outbound().fetchBytes(`http://127.0.0.1:${port}/`, limits))
  expect(fault.code).toBe('outbound.unreachable')
})

describe('https', () => {
  const { cert, key } = selfSigned({ names: ['localhost'], days: 1 })

  test('a certificate from a CA that was given is judged by the name, not the address', async () => {
    const { port } = serve(() => new Response('private CA'), { cert, key })
    const trusting = outbound({ caPem: cert })
    const { bytes } = await trusting.fetchBytes(`https://localhost:${port}/`, limits)
    expect(new TextDecoder().decode(bytes)).toBe('private CA')
    const fault = await faultOf(trusting.fetchBytes(`https://127.0.0.1:${port}/`, limits))
    expect(fault.code).toBe('outbound.unreachable')
  })

  test('an unknown certificate is refused before anything is sent', async () => {
    const { port, requests } = serve(() => new Response('x'), { cert, key })
    const fault = await faultOf(outbound().fetchBytes(`https://localhost:${port}/`, limits))
    expect(fault.code).toBe('outbound.unreachable')
    expect(requests).toHaveLength(0)
  })

  test('a redirect down to http is refused', async () => {
    const { port } = serve(
      () => new Response(null, { status: 301, headers: { location: 'http://127.0.0.1:1/' } }),
      { cert, key },
    )
    const fault = await faultOf(
      outbound({ caPem: cert }).fetchBytes(`https://localhost:${port}/`, limits),
    )
    expect(fault.code).toBe('outbound.redirects')
  })
})
