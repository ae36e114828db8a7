// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { covers, intersect, parseScopes, scopeFor, scopeText } from './token-scope.ts'

test.each<{ text: string; grants: string[][] }>([
  { text: 'repository:a/b:pull,push', grants: [['repository', 'a/b', 'pull', 'push']] },
  {
    text: 'repository:a:pull repository:b:pull,push',
    grants: [
      ['repository', 'a', 'pull'],
      ['repository', 'b', 'pull', 'push'],
    ],
  },
  {
    text: 'repository:localhost:5000/a:pull',
    grants: [['repository', 'localhost:5000/a', 'pull']],
  },
  { text: 'repository(plugin):a:pull', grants: [['repository', 'a', 'pull']] },
  { text: 'registry:catalog:*', grants: [['registry', 'catalog', '*']] },
  { text: 'repository:a:', grants: [['repository', 'a']] },
  { text: 'openid profile', grants: [] },
  { text: 'repository:a', grants: [] },
  { text: '', grants: [] },
])('the scope "$text" is read', ({ text, grants }) => {
  expect(parseScopes([text]).map(({ type, name, actions }) => [type, name, ...actions])).toEqual(
    grants,
  )
})

test('who asks for a thousand scopes gets no more than 64 read', () => {
  const scopes = Array.from({ length: 1_000 }, (_, at) => `repository:r${at}:pull`)
  expect(parseScopes([scopes.join(' ')])).toHaveLength(64)
})

test.each<{ asked: string; may: string[]; granted: string }>([
  { asked: 'repository:a:pull', may: ['pull a', 'list a'], granted: 'repository:a:pull,list' },
  { asked: 'repository:a:pull', may: ['list a'], granted: 'repository:a:list' },
  { asked: 'repository:a:pull,push', may: ['pull a'], granted: 'repository:a:pull' },
  { asked: 'repository:a:push repository:b:pull', may: ['pull b'], granted: 'repository:b:pull' },
  {
    asked: 'repository:a:pull repository:a:push',
    may: ['pull a', 'push a'],
    granted: 'repository:a:pull,push',
  },
  { asked: 'repository:a:*', may: ['pull a', 'delete a'], granted: 'repository:a:pull,delete' },
  { asked: 'repository:a:pull', may: ['push a', 'delete a'], granted: '' },
  { asked: 'repository:a:fly', may: ['pull a'], granted: '' },
])('of $asked, $may leave "$granted"', ({ asked, may, granted }) => {
  const grants = intersect(
    parseScopes([asked]),
    (action, repository) => may.includes(`${action} ${repository}`),
    false,
  )
  expect(scopeText(grants)).toBe(granted)
})

test('the catalog is opened by its own scope only, to those who may', () => {
  const asked = parseScopes(['registry:catalog:* repository:a:pull'])
  const everything = intersect(asked, () => true, true)
  expect(covers(everything, 'list', undefined)).toBe(true)
  expect(
    covers(
      intersect(asked, () => true, false),
      'list',
      undefined,
    ),
  ).toBe(false)
  expect(covers([], 'list', undefined)).toBe(false)
  // The login alone needs no scope: docker and skopeo ask for none.
  expect(covers([], 'pull', undefined)).toBe(true)
})

test.each([
  { action: 'pull', repository: 'a/b', scope: 'repository:a/b:pull' },
  { action: 'push', repository: 'a/b', scope: 'repository:a/b:pull,push' },
  { action: 'delete', repository: 'a/b', scope: 'repository:a/b:delete' },
  { action: 'list', repository: 'a/b', scope: 'repository:a/b:pull' },
  { action: 'admin', repository: 'a/b', scope: 'repository:a/b:*' },
  { action: 'list', repository: undefined, scope: 'registry:catalog:*' },
  { action: 'pull', repository: undefined, scope: undefined },
] as const)('to $action $repository the scope is $scope, and with it that is open', (row) => {
  const { action, repository, scope } = row
  expect(scopeFor(action, repository)).toBe(scope)
  const grants = intersect(parseScopes([scope ?? '']), () => true, true)
  expect(covers(grants, action, repository)).toBe(true)
  // The catalog names every repository; who sees which is judged elsewhere.
  expect(covers(grants, action, 'another')).toBe(scope === 'registry:catalog:*')
})
