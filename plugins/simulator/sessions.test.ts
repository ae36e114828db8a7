// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { messageId, type OpenMachine, openMachine } from '../../test/fake-bmc/raw-client.ts'

const SESSIONS = '/redfish/v1/SessionService/Sessions'
const SYSTEMS = '/redfish/v1/Systems'

const login = ({ machine, send }: OpenMachine, change = {}) =>
  send('POST', SESSIONS, {
    login: false,
    body: { UserName: machine.username, Password: machine.password, ...change },
  })

const tokenOf = ({ headers }: { headers: Headers }) => ({
  'x-auth-token': headers.get('x-auth-token') ?? '',
})

describe('a session', () => {
  test('is made by a login, lets its token in, and ends by DELETE', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const made = await login(open)
    const uri = made.headers.get('location') ?? ''
    expect(made.status).toBe(201)
    expect(made.body['@odata.id']).toBe(uri)
    const headers = tokenOf(made)
    const get = () => open.send('GET', SYSTEMS, { login: false, headers })
    expect((await get()).status).toBe(200)
    const listed = await open.send('GET', SESSIONS)
    expect(listed.body).toMatchObject({
      Members: [{ '@odata.id': uri }],
      'Members@odata.count': 1,
    })
    expect((await open.send('DELETE', uri, { login: false, headers })).status).toBe(204)
    const after = await get()
    expect([after.status, messageId(after)]).toEqual([401, 'Base.1.12.NoValidSession'])
    expect((await open.send('DELETE', uri)).status).toBe(404)
    expect(open.machine.state().sessions).toBe(0)
  })

  test('ends when it was silent for the time that its controller gives', async () => {
    const clock = { ms: 1_000_000 }
    await using open = await openMachine({ personality: 'supermicro-x13' }, { now: () => clock.ms })
    const headers = tokenOf(await login(open))
    const get = async () => (await open.send('GET', SYSTEMS, { login: false, headers })).status
    clock.ms += 299_000
    expect(await get()).toBe(200)
    clock.ms += 299_000
    expect(await get()).toBe(200)
    clock.ms += 301_000
    expect(await get()).toBe(401)
    expect(open.machine.state().sessions).toBe(0)
  })

  test('is not made with a wrong password', async () => {
    await using open = await openMachine({ personality: 'hpe-dl360' })
    const refused = await login(open, { Password: 'guess' })
    expect([refused.status, refused.headers.get('x-auth-token')]).toEqual([401, null])
  })
})

test('a Dell takes eight sessions; the ninth is 503 RAC0218 while Basic still gets in', async () => {
  await using open = await openMachine({ personality: 'dell-r750' })
  for (let count = 0; count < 8; count += 1) expect((await login(open)).status).toBe(201)
  const ninth = await login(open)
  expect([ninth.status, messageId(ninth)]).toEqual([503, 'IDRAC.2.8.RAC0218'])
  expect((await open.send('GET', SYSTEMS)).status).toBe(200)
})

describe('without login', () => {
  test.each(['/redfish', '/redfish/v1', '/redfish/v1/', '/redfish/v1/odata'])(
    '%s is readable',
    async (path) => {
      await using open = await openMachine({ personality: 'dell-r750' })
      expect((await open.send('GET', path, { login: false })).status).toBe(200)
    },
  )

  test.each([
    ['GET', SYSTEMS],
    ['GET', '/redfish/v1/does-not-exist'],
    ['GET', SESSIONS],
    ['PATCH', '/redfish/v1/Systems/System.Embedded.1'],
    ['POST', '/redfish/v1/Systems/System.Embedded.1/Actions/ComputerSystem.Reset'],
  ])('%s %s is 401 with a Redfish error and a challenge', async (method, path) => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const refused = await open.send(method, path, { login: false })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toStartWith('Basic ')
    expect(refused.body.error).toEqual({
      code: 'Base.1.12.NoValidSession',
      message: expect.any(String),
      '@Message.ExtendedInfo': [
        expect.objectContaining({ MessageId: 'Base.1.12.NoValidSession', MessageArgs: [] }),
      ],
    })
  })

  test('a wrong password is 401', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const headers = { authorization: `Basic ${btoa('admin:guess')}` }
    expect((await open.send('GET', SYSTEMS, { login: false, headers })).status).toBe(401)
  })
})
