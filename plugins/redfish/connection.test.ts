// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { gzipSync } from 'node:zlib'
import { createContact } from '../../test/fake-bmc/contact.ts'
import { meetBmc } from '../../test/fake-bmc/meet.ts'
import { type Behaviour, refusalBody, scriptBmc } from '../../test/fake-bmc/scripted.ts'
import { at, type Overrides, smallTree, treeBehaviour } from '../../test/fake-bmc/tree.ts'

const SYSTEM = '/redfish/v1/Systems/S'
const signal = AbortSignal.timeout(30_000)

const tree = (overrides: Overrides = {}) => treeBehaviour(smallTree(), overrides)
const onceThen = <T>(first: T): (() => T | undefined) => {
  let left: T | undefined = first
  return () => {
    const now = left
    left = undefined
    return now
  }
}

describe('connections that fail', () => {
  test('nobody listens', async () => {
    const gone = await scriptBmc(() => ({}))
    await gone[Symbol.asyncDispose]()
    await using contact = await createContact({ url: gone.url })
    await expect(contact.open()).rejects.toMatchObject({
      code: 'redfish.unreachable',
      message: expect.stringContaining('does not accept a connection'),
    })
  })

  test('after some failures in a row the BMC is left alone for a while', async () => {
    const gone = await scriptBmc(() => ({}))
    await gone[Symbol.asyncDispose]()
    let now = 0
    await using contact = await createContact({
      url: gone.url,
      now: () => now,
      config: { breaker_failures: 2, breaker_pause_s: 30, retries: 1 },
    })
    const code = () => contact.open().catch((caught) => caught.code)
    expect([await code(), await code(), await code()]).toEqual([
      'redfish.unreachable',
      'redfish.unreachable',
      'redfish.cooling-down',
    ])
    now = 30_000
    expect(await code()).toBe('redfish.unreachable')
  })

  test('a BMC that takes connections and never answers is given up soon, by name', async () => {
    await using bmc = await scriptBmc(() => () => undefined)
    await using contact = await createContact({ url: bmc.url, config: { contact_timeout_s: 0.05 } })
    await expect(contact.open()).rejects.toMatchObject({
      code: 'redfish.timeout',
      message: expect.stringContaining(`${new URL(bmc.url).host} gave no answer within 0.05 s`),
    })
  })

  test('what the last attempt met is told, not that the time was up', async () => {
    const drop: ReturnType<Behaviour> = (_, socket) => void socket.resetAndDestroy()
    await using bmc = await scriptBmc(() => drop)
    const config = { contact_timeout_s: 2, retry_pause_ms: 60_000 }
    await using contact = await createContact({ url: bmc.url, config })
    await expect(contact.open()).rejects.toMatchObject({ code: 'redfish.connection-lost' })
  })

  test('for somebody who waits, a first contact that fails is not repeated', async () => {
    const drop: ReturnType<Behaviour> = (_, socket) => void socket.resetAndDestroy()
    await using bmc = await scriptBmc(() => drop)
    await using contact = await createContact({ url: bmc.url, hurried: true })
    await expect(contact.open()).rejects.toMatchObject({ code: 'redfish.connection-lost' })
    // A connection that breaks is made anew once, for any GET.
    expect(bmc.lines()).toEqual(['GET /redfish/v1/', 'GET /redfish/v1/'])
  })

  test('a BMC that comes back in time is waited for', async () => {
    let left = 3
    const drop: ReturnType<Behaviour> = (_, socket) => void socket.resetAndDestroy()
    await using met = await meetBmc((heard) => (left-- > 0 ? drop : tree()(heard)))
    await using session = await met.contact.open()
    expect(session.identity.vendor).toBe('Example')
  })

  test('a signal ends a request that hangs, with its own reason, and blames nobody', async () => {
    const hanging = Promise.withResolvers<void>()
    let hang = false
    await using met = await meetBmc(
      tree({
        [`GET ${SYSTEM}`]: () => {
          if (!hang) return undefined
          hanging.resolve()
          return () => undefined
        },
      }),
      { config: { breaker_failures: 1 } },
    )
    await using session = await met.contact.open()
    hang = true
    const abort = new AbortController()
    const reading = session.read(abort.signal)
    await hanging.promise
    abort.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    hang = false
    expect((await session.read(signal)).power).toBe('On')
  })

  test('a connection that is reset once is made again for a GET', async () => {
    const reset = onceThen(true)
    await using met = await meetBmc(
      tree({
        [`GET ${SYSTEM}`]: () =>
          reset() ? (_, socket) => void socket.resetAndDestroy() : undefined,
      }),
    )
    await using session = await met.contact.open()
    expect(session.identity.vendor).toBe('Example')
    expect(met.bmc.lines().filter((line) => line === `GET ${SYSTEM}`)).toHaveLength(2)
  })

  test('an order whose connection was reset is sent again only if it had no effect', async () => {
    const resources = smallTree()
    const system = at(resources, SYSTEM)
    await using met = await meetBmc(
      treeBehaviour(resources, {
        [`POST ${SYSTEM}/reset`]: () => (_, socket) => {
          system['PowerState'] = 'Off'
          socket.resetAndDestroy()
        },
      }),
    )
    await using session = await met.contact.open()
    await session.powerOff(signal)
    expect(met.bmc.lines().filter((line) => line === `POST ${SYSTEM}/reset`)).toHaveLength(1)
  })

  test('an order whose connection breaks each time is given up', async () => {
    await using met = await meetBmc(
      tree({ [`POST ${SYSTEM}/reset`]: () => (_, socket) => void socket.resetAndDestroy() }),
    )
    await using session = await met.contact.open()
    await expect(session.powerOff(signal)).rejects.toMatchObject({
      code: 'redfish.connection-lost',
    })
    expect(met.bmc.lines().filter((line) => line === `POST ${SYSTEM}/reset`)).toHaveLength(3)
  })

  test.each([
    {
      name: 'a body that is cut off',
      code: 'redfish.connection-lost',
      behave: (): ReturnType<Behaviour> => (response) => {
        response.writeHead(200, { 'Content-Length': 1_000 })
        response.write('{"half":')
        setTimeout(() => response.destroy(), 10)
      },
    },
    {
      name: 'a body that does not end',
      code: 'redfish.not-redfish',
      behave: (): ReturnType<Behaviour> => (response) => {
        response.writeHead(200)
        const more = () => void (response.destroyed || response.write(' '.repeat(262_144), more))
        more()
      },
    },
    {
      name: 'silence',
      code: 'redfish.timeout',
      behave: (): ReturnType<Behaviour> => () => undefined,
    },
    {
      name: 'a body of one byte now and then',
      code: 'redfish.timeout',
      behave: (): ReturnType<Behaviour> => (response) => {
        response.writeHead(200)
        const drip = setInterval(() => response.write(' '), 20)
        response.on('close', () => clearInterval(drip))
      },
    },
    {
      name: 'something that is not HTTP',
      code: 'redfish.not-redfish',
      behave: (): ReturnType<Behaviour> => (_, socket) => void socket.end('SSH-2.0-dropbear\r\n'),
    },
    {
      name: 'a page of a web server',
      code: 'redfish.not-redfish',
      behave: (): ReturnType<Behaviour> => ({ body: '<html><body>Welcome to nginx</body></html>' }),
    },
    {
      name: 'broken JSON',
      code: 'redfish.not-redfish',
      behave: (): ReturnType<Behaviour> => ({ body: '{"RedfishVersion": ' }),
    },
    {
      name: 'JSON that is no service root',
      code: 'redfish.not-redfish',
      behave: (): ReturnType<Behaviour> => ({ body: { hello: 'world' } }),
    },
    {
      name: 'a list',
      code: 'redfish.not-redfish',
      behave: (): ReturnType<Behaviour> => ({ body: [] }),
    },
  ])('$name at the service root is $code', async ({ behave, code }) => {
    await using met = await meetBmc(behave, { config: { request_timeout_s: 0.3 } })
    const error = await met.contact.open().catch((caught) => caught)
    expect(error).toMatchObject({ code })
    expect(error.message).toContain('127.0.0.1')
    // No password went to something that is no BMC.
    expect(met.bmc.heard.every(({ method }) => method === 'GET')).toBe(true)
  })

  test('the words of a foreign page are told', async () => {
    await using met = await meetBmc(() => ({ body: '<html><h1>Welcome to nginx</h1></html>' }))
    await expect(met.contact.open()).rejects.toMatchObject({
      message: expect.stringContaining('Welcome to nginx'),
    })
  })
})

describe('answers of a busy controller', () => {
  test('503 is asked again, more than once', async () => {
    let left = 3
    await using met = await meetBmc(
      tree({ [`GET ${SYSTEM}`]: () => (left-- > 0 ? { status: 503 } : undefined) }),
    )
    await using session = await met.contact.open()
    expect(session.identity.vendor).toBe('Example')
  })

  test('a transient message is asked again whatever its status', async () => {
    const busy = onceThen({ status: 400, body: refusalBody('IDRAC.2.4.SYS518', 'Not ready.') })
    await using met = await meetBmc(tree({ [`GET ${SYSTEM}`]: busy }))
    await using session = await met.contact.open()
    expect(session.identity.vendor).toBe('Example')
  })

  test('503 without end is told with its words', async () => {
    const body = refusalBody('Base.1.8.ServiceTemporarilyUnavailable', 'Come back in 30 seconds.')
    await using met = await meetBmc(tree({ [`GET ${SYSTEM}`]: () => ({ status: 503, body }) }))
    const error = await met.contact.open().catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.busy', kind: { retry: true } })
    expect(error.message).toContain('503: “Come back in 30 seconds.”')
    expect(met.bmc.lines().filter((line) => line === `GET ${SYSTEM}`)).toHaveLength(5)
  })

  test('no more than two requests are under way at a time', async () => {
    let now = 0
    let most = 0
    const small = treeBehaviour(smallTree())
    await using met = await meetBmc((heard) => (response) => {
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        const reply = small(heard)
        if (typeof reply === 'function') return
        response.writeHead(reply.status ?? 200, reply.headers)
        response.end(JSON.stringify(reply.body))
      }, 5)
    })
    await using session = await met.contact.open()
    await using second = await met.contact.open()
    await Promise.all([session, second, session].map((one) => one.read(signal)))
    expect(most).toBe(2)
  })

  test('a body that is packed without being asked for is unpacked', async () => {
    await using met = await meetBmc((heard) => {
      if (heard.path !== SYSTEM) return tree()(heard)
      const packed = gzipSync(JSON.stringify(smallTree().get(SYSTEM)))
      return (response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(packed)
    })
    await using session = await met.contact.open()
    expect((await session.read(signal)).power).toBe('On')
  })

  test('a small body that unpacks to a huge one is refused', async () => {
    const packed = gzipSync(Buffer.alloc(20 * 1024 * 1024))
    await using met = await meetBmc(
      () => (response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(packed),
    )
    await expect(met.contact.open()).rejects.toMatchObject({ code: 'redfish.not-redfish' })
  })

  test('406 to identity is asked again without it, from then on', async () => {
    await using met = await meetBmc((heard) =>
      heard.headers['accept-encoding'] === 'identity' && heard.path.startsWith(SYSTEM)
        ? { status: 406 }
        : tree()(heard),
    )
    await using session = await met.contact.open()
    await session.read(signal)
    const asked = met.bmc.heard.filter(({ path }) => path === SYSTEM)
    expect(asked[0]?.headers['accept-encoding']).toBe('identity')
    expect(asked.slice(1).every(({ headers }) => !headers['accept-encoding'])).toBe(true)
  })

  test('a path that wants a slash at its end gets one', async () => {
    await using met = await meetBmc((heard) =>
      heard.path === SYSTEM ? { status: 404 } : tree()(heard),
    )
    await using session = await met.contact.open()
    expect(session.identity.vendor).toBe('Example')
  })
})

describe('redirects', () => {
  const to = (location: string, status = 308) => ({ status, headers: { Location: location } })

  test('are followed on the same BMC, at most three', async () => {
    await using met = await meetBmc(tree({ [`GET ${SYSTEM}`]: () => to(`${SYSTEM}/`) }))
    await using session = await met.contact.open()
    expect(session.identity.vendor).toBe('Example')
    await using circles = await meetBmc(tree({ [`GET ${SYSTEM}`]: () => to(SYSTEM) }))
    await expect(circles.contact.open()).rejects.toMatchObject({ code: 'redfish.redirected' })
    expect(circles.bmc.lines().filter((line) => line === `GET ${SYSTEM}`)).toHaveLength(4)
  })

  test('to another host get nothing', async () => {
    await using thief = await scriptBmc(() => ({}))
    await using met = await meetBmc(tree({ [`GET ${SYSTEM}`]: () => to(`${thief.url}${SYSTEM}`) }))
    const error = await met.contact.open().catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.redirected' })
    expect(error.message).toContain(thief.url)
    expect(thief.connections()).toBe(0)
  })

  test.each([301, 302])('%d does not turn an order into a question', async (status) => {
    await using met = await meetBmc(
      tree({ [`POST ${SYSTEM}/reset`]: () => to(`${SYSTEM}/other`, status) }),
    )
    await using session = await met.contact.open()
    await expect(session.powerOff(signal)).rejects.toMatchObject({ code: 'redfish.redirected' })
    expect(met.bmc.lines().some((line) => line.endsWith('/other'))).toBe(false)
  })

  test('a link to another host stays on this BMC', async () => {
    await using thief = await scriptBmc(() => ({}))
    const resources = smallTree()
    for (const target of [`${thief.url}${SYSTEM}`, `//${new URL(thief.url).host}${SYSTEM}`]) {
      resources.set('/redfish/v1/Systems', { Members: [{ '@odata.id': target }] })
      await using met = await meetBmc(treeBehaviour(resources))
      await using session = await met.contact.open()
      expect(session.identity.vendor).toBe('Example')
    }
    expect(thief.connections()).toBe(0)
  })
})
