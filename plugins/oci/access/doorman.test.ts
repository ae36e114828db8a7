// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { Fault } from '../../../core/faults.ts'
import type { Denial, Wanted } from '../access.ts'
import { createDoorman, type DoormanParts } from './doorman.ts'
import { ANYONE, type Visitor } from './doorman-identity.ts'
import { createPolicyJudge } from './policy.ts'

const VERA: Visitor = {
  name: 'vera',
  caller: { kind: 'user', name: 'vera', role: 'viewer', groups: [] },
}
const PUSH: Wanted = { action: 'push', repository: 'os/debian' }

const doorman = (visitor: Visitor, parts: Partial<DoormanParts> = {}) =>
  createDoorman({
    identifier: { identify: async () => visitor, failed: () => undefined },
    judge: createPolicyJudge([], ['public/*']),
    scheme: 'token',
    publicUrl: '',
    ...parts,
  })

const call = (url = 'https://box:8443/v2/', authorization?: string) =>
  new Request(url, authorization ? { headers: { Authorization: authorization } } : {})

describe('the challenge', () => {
  test.each([
    {
      name: 'names us as the client did',
      ...{ url: 'https://10.0.0.5:8443/v2/', publicUrl: '', realm: 'https://10.0.0.5:8443' },
    },
    {
      name: 'names what the configuration says, behind a proxy',
      ...{ url: 'http://box:8081/v2/', publicUrl: 'https://hub.test', realm: 'https://hub.test' },
    },
  ])('$name', ({ url, publicUrl, realm }) => {
    const text = doorman(ANYONE, { publicUrl }).challenge(call(url), PUSH)
    expect(text).toBe(
      `Bearer realm="${realm}/v2/token",service="slipway",scope="repository:os/debian:pull,push"`,
    )
  })

  test('of the basic scheme is for tokens to who came with a token', () => {
    const basic = doorman(ANYONE, { scheme: 'basic' })
    expect(basic.challenge(call(), PUSH)).toBe('Basic realm="Slipway"')
    const text = basic.challenge(call('https://box/v2/', 'Bearer abc'), PUSH, 'invalid_token')
    expect(text).toMatch(/^Bearer realm="https:\/\/box\/v2\/token",.*,error="invalid_token"$/)
  })

  test('holds no quote that somebody else wrote', () => {
    const wanted: Wanted = { action: 'pull', repository: 'a",realm="https://evil' }
    expect(doorman(ANYONE).challenge(call(), wanted).match(/"/g)).toHaveLength(6)
  })
})

describe('who is let in', () => {
  const REGISTRY: Wanted = { action: 'pull' }
  const CATALOG: Wanted = { action: 'list' }
  const OPEN: Wanted = { action: 'pull', repository: 'public/a' }
  const CLOSED: Wanted = { action: 'pull', repository: 'os/debian' }
  const token = (visitor: Visitor, ...names: string[]): Visitor => ({
    ...visitor,
    grants: names.map((name) => ({ type: 'repository', name, actions: ['pull', 'list'] })),
  })

  test.each<{ name: string; visitor: Visitor; wanted: Wanted; ends: string }>([
    { name: 'nobody at the registry', visitor: ANYONE, wanted: REGISTRY, ends: 'unauthorized' },
    { name: 'nobody at the catalog', visitor: ANYONE, wanted: CATALOG, ends: 'unauthorized' },
    { name: 'nobody at what is open', visitor: ANYONE, wanted: OPEN, ends: 'in' },
    { name: 'nobody elsewhere', visitor: ANYONE, wanted: CLOSED, ends: 'unauthorized' },
    { name: 'a viewer at the registry', visitor: VERA, wanted: REGISTRY, ends: 'in' },
    { name: 'a viewer who pulls', visitor: VERA, wanted: CLOSED, ends: 'in' },
    { name: 'a viewer who pushes', visitor: VERA, wanted: PUSH, ends: 'denied' },
    {
      name: 'a viewer who would administer',
      visitor: VERA,
      wanted: { action: 'admin' },
      ends: 'denied',
    },
    { name: 'an empty token at the registry', visitor: token(VERA), wanted: REGISTRY, ends: 'in' },
    {
      name: 'an empty token elsewhere',
      visitor: token(VERA),
      wanted: CLOSED,
      ends: 'unauthorized',
    },
    { name: 'a token that fits', visitor: token(VERA, 'os/debian'), wanted: CLOSED, ends: 'in' },
    {
      name: 'a token of another',
      visitor: token(VERA, 'os/x'),
      wanted: CLOSED,
      ends: 'unauthorized',
    },
    {
      name: 'nobody’s token at the registry',
      visitor: token(ANYONE),
      wanted: REGISTRY,
      ends: 'in',
    },
    {
      name: 'nobody’s token at what is closed',
      visitor: token(ANYONE, 'os/debian'),
      wanted: CLOSED,
      ends: 'unauthorized',
    },
  ])('$name: $ends', async ({ visitor, wanted, ends }) => {
    const verdict = await doorman(visitor)
      .admit(call(), '192.0.2.1', wanted)
      .catch((error: unknown) => error)
    if (ends === 'in') expect(verdict).toMatchObject({ name: visitor.name, address: '192.0.2.1' })
    else expect(verdict instanceof Fault && verdict.code).toBe(`oci.${ends}`)
  })

  test('a refusal of who is known is told, with what was wanted', async () => {
    const denials: Denial[] = []
    const door = doorman(VERA, { onDenied: (denial) => void denials.push(denial) })
    await door.admit(call(), '192.0.2.1', PUSH).catch(() => undefined)
    expect(denials).toEqual([
      { name: 'vera', job: undefined, address: '192.0.2.1', wanted: PUSH, code: 'oci.denied' },
    ])
  })
})
