// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { messageId, openMachine } from '../../test/fake-bmc/raw-client.ts'

const SYSTEM = '/redfish/v1/Systems/1'
const body = { Boot: { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' } }
const ifMatch = (etag: string) => ({ body, headers: { 'if-match': etag } })

describe('a Supermicro', () => {
  test('shows strong ETags, the captured one until something changes', async () => {
    await using open = await openMachine({ personality: 'supermicro-x13' })
    const before = await open.send('GET', SYSTEM)
    expect(before.headers.get('etag')).toBe('"a0a7128477b3552049bdbf0d3286de78"')
    await open.send('PATCH', SYSTEM, ifMatch('"a0a7128477b3552049bdbf0d3286de78"'))
    const after = await open.send('GET', SYSTEM)
    expect(after.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/)
    expect(after.headers.get('etag')).toBe(after.body['@odata.etag'])
    expect(after.headers.get('etag')).not.toBe(before.headers.get('etag'))
  })

  test('changes nothing without If-Match: 428', async () => {
    await using open = await openMachine({ personality: 'supermicro-x13' })
    const refused = await open.send('PATCH', SYSTEM, { body })
    expect([refused.status, messageId(refused)]).toEqual([428, 'Base.1.10.PreconditionRequired'])
    expect(open.machine.state().override.enabled).toBe('Disabled')
  })

  test('changes nothing with an ETag that is not the current one: 412', async () => {
    await using open = await openMachine({ personality: 'supermicro-x13' })
    const { headers } = await open.send('GET', SYSTEM)
    const etag = headers.get('etag') ?? ''
    expect((await open.send('PATCH', SYSTEM, ifMatch(etag))).status).toBe(200)
    const refused = await open.send('PATCH', SYSTEM, ifMatch(etag))
    expect([refused.status, messageId(refused)]).toEqual([412, 'Base.1.10.PreconditionFailed'])
    expect((await open.send('PATCH', SYSTEM, ifMatch(`W/${etag}`))).status).toBe(412)
    expect((await open.send('PATCH', SYSTEM, ifMatch('*'))).status).toBe(200)
  })
})

test('an iLO shows weak ETags, needs none, and refuses a wrong one', async () => {
  await using open = await openMachine({ personality: 'hpe-dl360' })
  const { headers } = await open.send('GET', `${SYSTEM}/`)
  expect(headers.get('etag')).toBe('W/"DBFAAF9C"')
  expect((await open.send('PATCH', SYSTEM, ifMatch('W/"00000000"'))).status).toBe(412)
  expect((await open.send('PATCH', SYSTEM, ifMatch('W/"DBFAAF9C"'))).status).toBe(200)
  expect((await open.send('PATCH', SYSTEM, { body })).status).toBe(200)
  const after = await open.send('GET', `${SYSTEM}/`)
  expect(after.headers.get('etag')).toMatch(/^W\/"[0-9A-F]{8}"$/)
})

test('a Dell shows no ETags', async () => {
  await using open = await openMachine({ personality: 'dell-r750' })
  const { headers } = await open.send('GET', '/redfish/v1/Systems/System.Embedded.1')
  expect(headers.get('etag')).toBeNull()
})
