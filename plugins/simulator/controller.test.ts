// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { connect } from 'node:net'
import { messageId, openMachine } from '../../test/fake-bmc/raw-client.ts'

const DELL = '/redfish/v1/Systems/System.Embedded.1'
const RESET = `${DELL}/Actions/ComputerSystem.Reset`

describe('methods', () => {
  test.each([
    ['/redfish/v1', 'GET, HEAD'],
    [DELL, 'GET, HEAD, PATCH'],
    [RESET, 'POST'],
    ['/redfish/v1/SessionService/Sessions', 'GET, HEAD, POST'],
  ])('OPTIONS of %s allows %s', async (path, allow) => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const { status, headers, body } = await open.send('OPTIONS', path)
    expect([status, headers.get('allow'), body]).toEqual([204, allow, undefined])
  })

  test.each([
    ['DELETE', DELL, 'GET, HEAD, PATCH'],
    ['GET', RESET, 'POST'],
    ['PATCH', '/redfish/v1/Managers/iDRAC.Embedded.1', 'GET, HEAD'],
    ['PATCH', `${DELL}/VirtualMedia/1`, 'GET, HEAD'],
  ])('%s %s is 405 and names what is allowed', async (method, path, allow) => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const refused = await open.send(method, path)
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, allow])
    expect(messageId(refused)).toBe('Base.1.12.OperationNotAllowed')
  })

  test('HEAD gives the headers of GET and no body', async () => {
    await using open = await openMachine({ personality: 'supermicro-x13' })
    const path = '/redfish/v1/Systems/1'
    const [head, get] = [await open.send('HEAD', path), await open.send('GET', path)]
    for (const name of ['etag', 'content-length', 'content-type', 'odata-version', 'allow']) {
      expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)])
    }
    expect(head.body).toBeUndefined()
  })
})

test('an unknown path is 404 with a Redfish error', async () => {
  await using open = await openMachine({ personality: 'dell-r750' })
  const missing = await open.send('GET', '/redfish/v1/Nothing')
  expect([missing.status, messageId(missing)]).toEqual([404, 'Base.1.12.ResourceMissingAtURI'])
})

test.each(['dell-r750', 'supermicro-x13'])(
  '%s takes paths with and without a slash',
  async (personality) => {
    await using open = await openMachine({ personality })
    for (const path of ['/redfish/v1/Systems', '/redfish/v1/Systems/']) {
      expect((await open.send('GET', path)).status).toBe(200)
    }
  },
)

test('an iLO sends a GET without trailing slash on to the path with one', async () => {
  await using open = await openMachine({ personality: 'hpe-dl360' })
  const answer = await open.send('GET', '/redfish/v1/Systems/1')
  expect([answer.status, answer.headers.get('location')]).toEqual([308, '/redfish/v1/Systems/1/'])
  const reset = await open.send('POST', '/redfish/v1/Systems/1/Actions/ComputerSystem.Reset', {
    body: { ResetType: 'ForceOff' },
  })
  expect(reset.status).toBe(200)
})

describe('queries', () => {
  test('$expand puts the members in place of their links', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const { body } = await open.send('GET', '/redfish/v1/Systems?$expand=*($levels=1)')
    expect(body.Members[0]).toMatchObject({ SKU: 'F54P1G3', PowerState: 'On' })
  })

  test('what is not supported is 501 and says so', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const refused = await open.send('GET', '/redfish/v1/Systems?$filter=x')
    expect([refused.status, refused.body.error['@Message.ExtendedInfo'][0].MessageArgs]).toEqual([
      501,
      ['$filter'],
    ])
  })
})

describe('bodies', () => {
  test.each([
    ['nothing', '', 'Base.1.12.EmptyJSON'],
    ['half an object', '{"ResetType":', 'Base.1.12.MalformedJSON'],
    ['a list', '[]', 'Base.1.12.MalformedJSON'],
    ['no reset type', '{}', 'Base.1.12.ActionParameterMissing'],
    ['an unknown member', '{"ResetType":"On","Now":true}', 'Base.1.12.ActionParameterUnknown'],
    [
      'a type it does not list',
      '{"ResetType":"ForceOn"}',
      'Base.1.12.ActionParameterValueNotInList',
    ],
  ])('a reset with %s is 400', async (_, body, id) => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const refused = await open.send('POST', RESET, { body })
    expect([refused.status, messageId(refused)]).toEqual([400, id])
  })

  test('a body of more than 1 MiB is 413', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const { status } = await open.send('POST', RESET, { body: 'x'.repeat(1_048_577) })
    expect(status).toBe(413)
  })

  test('an iLO says ids and arguments, and no sentences', async () => {
    await using open = await openMachine({ personality: 'hpe-dl360' })
    const { body } = await open.send('GET', '/redfish/v1/Nothing/')
    expect(body.error).toEqual({
      code: 'iLO.0.10.ExtendedInfo',
      message: 'See @Message.ExtendedInfo for more information.',
      '@Message.ExtendedInfo': [
        { MessageId: 'Base.1.12.ResourceMissingAtURI', MessageArgs: ['/redfish/v1/Nothing'] },
      ],
    })
  })
})

test.each([
  ['dell-r750', '/redfish/v1/Managers/iDRAC.Embedded.1', '2026-11-22T05:00:00-05:00'],
  ['dell-r750', '/redfish/v1/TaskService', '2026-11-22T05:00:00-05:00'],
  ['supermicro-x13', '/redfish/v1/Managers/1', '2026-11-22T10:00:00Z'],
  ['hpe-dl360', '/redfish/v1/Managers/1', '2026-11-22T10:00:00Z'],
])('the clock of %s at %s goes on in its time zone', async (personality, path, shown) => {
  const now = () => Date.parse('2026-11-22T10:00:00Z')
  await using open = await openMachine({ personality }, { now })
  expect((await open.send('GET', `${path}/`)).body.DateTime).toBe(shown)
})

describe('odd callers', () => {
  test('a path of two slashes is a path: 404', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    expect((await open.send('GET', '//evil.example/redfish')).status).toBe(404)
  })

  test('one that hangs up in the middle of its body does no harm', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const { hostname, port } = new URL(open.machine.bmcUrl)
    const socket = connect(Number(port), hostname)
    socket.write(`POST ${RESET} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"Reset`)
    await once(socket, 'connect')
    socket.destroy()
    await once(socket, 'close')
    expect((await open.send('GET', DELL)).status).toBe(200)
  })

  test.each(['Basic !!!', 'Basic', 'Bearer x', `Basic ${btoa('no-colon')}`])(
    'the login %p is 401',
    async (authorization) => {
      await using open = await openMachine({ personality: 'dell-r750' })
      const { status } = await open.send('GET', DELL, { login: false, headers: { authorization } })
      expect(status).toBe(401)
    },
  )
})

test('requests are kept with what came of them, passwords left out', async () => {
  await using open = await openMachine({ personality: 'dell-r750' })
  const { username, password } = open.machine
  const SESSIONS = '/redfish/v1/SessionService/Sessions'
  await open.send('POST', SESSIONS, { body: { UserName: username, Password: password } })
  await open.send('GET', '/redfish/v1/Nothing')
  expect(open.machine.requests).toMatchObject([
    { method: 'POST', path: SESSIONS, status: 201, body: { Password: '[redacted]' } },
    { method: 'GET', path: '/redfish/v1/Nothing', status: 404, body: undefined },
  ])
})
