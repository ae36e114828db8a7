// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { ContactOptions } from '../../test/fake-bmc/contact.ts'
import { meetBmc } from '../../test/fake-bmc/meet.ts'
import { type Heard, type Reply, refusalBody } from '../../test/fake-bmc/scripted.ts'
import { at, type Overrides, smallTree, treeBehaviour } from '../../test/fake-bmc/tree.ts'
import type { Exchange } from './exchange.ts'
import { createLogin } from './login.ts'
import { createRedactor } from './redact.ts'

const SESSIONS = '/redfish/v1/SessionService/Sessions'
const SYSTEM = '/redfish/v1/Systems/S'
const PASSWORD = 'canary-password-7261'
const signal = AbortSignal.timeout(30_000)

/** A BMC with sessions of its own: numbered, counted, asked for. */
function sessionKeeper(overrides: Overrides = {}) {
  const open = new Map<string, { token: string; user: string }>()
  let made = 0
  const admitted = ({ headers }: Heard) =>
    headers['authorization'] === `Basic ${btoa(`admin:${PASSWORD}`)}` ||
    [...open.values()].some(({ token }) => token === headers['x-auth-token'])
  const plain = treeBehaviour(smallTree(), overrides)

  function login({ body }: Heard): Reply {
    const { UserName, Password } = body as { UserName: string; Password: string }
    if (Password !== PASSWORD) return { status: 401, body: refusalBody('Base.1.8.NoValidSession') }
    const uri = `${SESSIONS}/${++made}`
    open.set(uri, { token: `token-canary-${made}`, user: UserName })
    return { status: 201, headers: { 'X-Auth-Token': `token-canary-${made}`, Location: uri } }
  }

  return {
    open,
    made: () => made,
    /** Another user's, or what a crash left. */
    add: (uri: string, user: string) => void open.set(uri, { token: 'unknown', user }),
    behave: (heard: Heard) => {
      const line = `${heard.method} ${heard.path}`
      const special = overrides[line]?.(heard)
      if (special) return special
      if (heard.path.startsWith('/redfish/v1/') === false || heard.path === '/redfish/v1/')
        return plain(heard)
      if (line === `POST ${SESSIONS}`) return login(heard)
      if (!admitted(heard)) return { status: 401, body: refusalBody('Base.1.8.NoValidSession') }
      const session = open.get(heard.path)
      if (heard.path.startsWith(`${SESSIONS}/`)) {
        if (!session) return { status: 404 }
        if (heard.method === 'GET') return { body: { UserName: session.user } }
        open.delete(heard.path)
        return { status: 204 }
      }
      return plain(heard)
    },
  }
}

const start = (
  keeper: Pick<ReturnType<typeof sessionKeeper>, 'behave'>,
  options: Partial<ContactOptions> = {},
) => meetBmc(keeper.behave, { password: PASSWORD, ...options })

describe('a session', () => {
  test('is opened once, used for everything, and deleted at the end', async () => {
    const keeper = sessionKeeper()
    await using met = await start(keeper)
    {
      await using session = await met.contact.open()
      await session.read(signal)
      await session.read(signal)
      expect([...keeper.open.keys()]).toEqual([`${SESSIONS}/1`])
    }
    expect(keeper.made()).toBe(1)
    expect(keeper.open.size).toBe(0)
    expect(met.bmc.heard.some(({ headers }) => headers['authorization'])).toBe(false)
  })

  test('is not shown to the service root', async () => {
    await using met = await start(sessionKeeper())
    await using _ = await met.contact.open()
    expect(met.bmc.heard[0]).toMatchObject({ method: 'GET', path: '/redfish/v1/' })
    expect(met.bmc.heard[0]?.headers['x-auth-token']).toBeUndefined()
  })

  test('is deleted when opening fails later on', async () => {
    const keeper = sessionKeeper({ 'GET /redfish/v1/Systems': () => ({ status: 500 }) })
    await using met = await start(keeper)
    await expect(met.contact.open()).rejects.toMatchObject({ code: 'redfish.refused' })
    expect(keeper.made()).toBe(1)
    expect(keeper.open.size).toBe(0)
  })

  test('that ended is made anew, once for all who ask', async () => {
    const keeper = sessionKeeper()
    await using met = await start(keeper)
    {
      await using session = await met.contact.open()
      keeper.open.clear()
      const states = await Promise.all([session.read(signal), session.read(signal)])
      expect(states.map(({ power }) => power)).toEqual(['On', 'On'])
      expect(keeper.made()).toBe(2)
    }
    expect(keeper.open.size).toBe(0)
  })

  test('that ended before it was deleted is no trouble', async () => {
    const keeper = sessionKeeper()
    await using met = await start(keeper)
    const session = await met.contact.open()
    keeper.open.clear()
    await session[Symbol.asyncDispose]()
    expect(met.contact.notes).toEqual([])
    // Nothing is left to sweep either.
    await met.contact.restart()
    await (await met.contact.open())[Symbol.asyncDispose]()
    expect(met.contact.notes).toEqual([])
  })

  test('is made anew once when two are refused at the same moment', async () => {
    let made = 0
    const exchange: Exchange = async ({ method }) => {
      if (method === 'POST') made++
      const token = `token-${made}`
      const headers: Record<string, string> = { 'x-auth-token': token, location: `${SESSIONS}/1` }
      const header = (name: string) => headers[name]
      const at = { host: 'bmc', method, path: SESSIONS }
      return { ...at, status: 201, ok: true, header, body: undefined, messages: [], said: '' }
    }
    const login = createLogin({
      exchange,
      origin: 'http://bmc',
      credentials: { username: 'admin', password: PASSWORD },
      redactor: createRedactor(PASSWORD),
      ledger: {
        add: async () => {},
        remove: async () => {},
        release: () => {},
        orphans: async () => [],
      },
      sessionsUri: SESSIONS,
      note: () => {},
    })
    const stale = await login.headers(signal)
    const fresh = await Promise.all([login.renew(stale, signal), login.renew(stale, signal)])
    expect(fresh.map((headers) => headers['X-Auth-Token'])).toEqual(['token-2', 'token-2'])
    expect(made).toBe(2)
  })

  test('with a wrong password is one attempt, and its fault says what to check', async () => {
    const keeper = sessionKeeper()
    await using met = await start(keeper, { password: 'canary-wrong' })
    const error = await met.contact.open().catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.unauthorized', kind: { retry: false } })
    expect(error.message).toContain('user name and password')
    // Every further one counts towards the lock of the account.
    expect(met.bmc.heard.filter(({ method }) => method === 'POST')).toHaveLength(1)
    expect(met.bmc.heard.some(({ headers }) => headers['authorization'])).toBe(false)
  })

  test('is deleted though the connection is reset once', async () => {
    let left = 1
    const keeper = sessionKeeper({
      [`DELETE ${SESSIONS}/1`]: () =>
        left-- > 0 ? (_, socket) => void socket.resetAndDestroy() : undefined,
    })
    await using met = await start(keeper)
    await (await met.contact.open())[Symbol.asyncDispose]()
    expect(keeper.open.size).toBe(0)
  })

  test('whose Location names another host is deleted on this one', async () => {
    const keeper = sessionKeeper()
    const inner = keeper.behave
    await using met = await start({
      behave: (heard) => {
        const reply = inner(heard)
        if (heard.method !== 'POST' || typeof reply === 'function') return reply
        const place = `https://bmc.internal${reply.headers?.['Location']}`
        return { ...reply, headers: { ...reply.headers, Location: place } }
      },
    })
    await (await met.contact.open())[Symbol.asyncDispose]()
    expect(keeper.open.size).toBe(0)
  })
})

describe('basic login takes over', () => {
  const full = refusalBody('IDRAC.2.8.RAC0218', 'The maximum number of user sessions is reached.')
  test.each([
    { name: 'all sessions are taken', reply: { status: 503, body: full } },
    { name: 'the cap is said with a 400', reply: { status: 400, body: full } },
    { name: 'sessions are not supported', reply: { status: 405 } },
    { name: 'the answer has no token', reply: { status: 201 } },
  ])('when $name', async ({ reply }) => {
    const keeper = sessionKeeper({ [`POST ${SESSIONS}`]: () => reply })
    await using met = await start(keeper)
    await using session = await met.contact.open()
    expect((await session.read(signal)).power).toBe('On')
    expect((await session.survey(signal)).warnings.join(' ')).toContain('No session')
    expect(met.contact.notes.join('\n')).toContain('No session at the BMC')
  })

  test('when the service root links no sessions', async () => {
    const resources = smallTree()
    at(resources, '/redfish/v1')['Links'] = {}
    await using met = await start({ behave: treeBehaviour(resources) })
    await using session = await met.contact.open()
    expect((await session.read(signal)).power).toBe('On')
    expect(met.bmc.heard.at(-1)?.headers['authorization']).toStartWith('Basic ')
  })

  test('and when that is refused for want of sessions too, the fault says so', async () => {
    const behave = (heard: Heard) =>
      heard.path === '/redfish/v1/'
        ? treeBehaviour(smallTree())(heard)
        : { status: 503, body: full }
    await using met = await start({ behave })
    await expect(met.contact.open()).rejects.toMatchObject({
      code: 'redfish.sessions-exhausted',
      message: expect.stringContaining('The maximum number of user sessions is reached.'),
    })
  })
})

describe('sessions that a crash left', () => {
  test('are deleted at the next contact', async () => {
    const keeper = sessionKeeper()
    await using met = await start(keeper)
    await using crashed = await met.contact.open()
    expect(keeper.open.size).toBe(1)
    await met.contact.restart()
    await (await met.contact.open())[Symbol.asyncDispose]()
    expect(keeper.open.size).toBe(0)
    expect(met.contact.notes.join('\n')).toContain('an earlier run')
    expect(crashed.identity.vendor).toBe('Example')
  })

  test('are left alone while they are in use here', async () => {
    const keeper = sessionKeeper()
    await using met = await start(keeper)
    await using first = await met.contact.open()
    await using _ = await met.contact.open()
    expect(keeper.open.size).toBe(2)
    expect((await first.read(signal)).power).toBe('On')
    expect(keeper.made()).toBe(2)
  })

  test('are not mistaken for another user’s under the same URI', async () => {
    const keeper = sessionKeeper()
    await using met = await start(keeper)
    await using _ = await met.contact.open()
    keeper.open.clear()
    keeper.add(`${SESSIONS}/1`, 'somebody')
    await met.contact.restart()
    await (await met.contact.open())[Symbol.asyncDispose]()
    expect([...keeper.open.values()].map(({ user }) => user)).toEqual(['somebody'])
    // Forgotten: not asked for again.
    const before = met.bmc.lines().length
    await (await met.contact.open())[Symbol.asyncDispose]()
    expect(met.bmc.lines().slice(before)).not.toContain(`GET ${SESSIONS}/1`)
  })

  test('and could not be deleted are tried again, in this run too', async () => {
    let refuse = true
    const keeper = sessionKeeper({
      [`DELETE ${SESSIONS}/1`]: () => (refuse ? { status: 500 } : undefined),
    })
    await using met = await start(keeper)
    await (await met.contact.open())[Symbol.asyncDispose]()
    expect(keeper.open.size).toBe(1)
    expect(met.contact.notes.join('\n')).toContain('could not be closed')
    refuse = false
    await (await met.contact.open())[Symbol.asyncDispose]()
    expect(keeper.open.size).toBe(0)
  })
})

test('no secret is told, whatever the BMC repeats', async () => {
  const echo = (heard: Heard): Reply => ({
    status: 400,
    body: refusalBody(
      'Base.1.8.GeneralError',
      `You sent ${JSON.stringify(heard.headers)} and ${PASSWORD} for http://10.0.0.1:8080/media/t/canarytoken/boot.iso`,
    ),
  })
  const keeper = sessionKeeper({ [`POST ${SYSTEM}/reset`]: echo, [`PATCH ${SYSTEM}`]: echo })
  await using met = await start(keeper)
  await using session = await met.contact.open()
  const errors = await Promise.all([
    session.powerOff(signal).catch((caught) => caught),
    session.overrideBootOnce('Cd', signal).catch((caught) => caught),
  ])
  const told = [...met.contact.notes, ...errors.map(({ message }) => message)].join('\n')
  expect(told).toContain('You sent')
  expect(told).not.toMatch(/canary/)
})
