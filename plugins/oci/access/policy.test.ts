// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { OCI_ACTIONS, type OciAction } from '../../../schemas/oci-policy.ts'
import { type Caller, createPolicyJudge, type Policy } from './policy.ts'

const user = (
  name: string,
  role: 'viewer' | 'operator' | 'admin',
  ...groups: string[]
): Caller => ({
  kind: 'user',
  ...{ name, role, groups },
})
const JOB = '0190e4a2-7f3a-7000-8000-000000000001'

const CALLERS: readonly Caller[] = [
  user('vera', 'viewer'),
  user('olga', 'operator'),
  user('adam', 'admin'),
  user('vic', 'viewer', 'imaging'),
  user('oscar', 'operator', 'imaging', 'ci'),
  user('mallory', 'operator', 'others'),
  { kind: 'job', id: JOB },
  { kind: 'job', id: JOB.replace('1', '2') },
  { kind: 'anyone' },
]

const REPOSITORIES = [
  'os-images/debian',
  'os-images/windows/2025',
  'os-images',
  'tools/partition',
  'secret/keys',
  'public/hello',
  'public/a/b',
  'unnamed/thing',
]

const policy = (name: string, given: Partial<Policy>): Policy => ({
  ...{ name, repositories: [], users: [], groups: [], jobs: [], actions: [] },
  ...given,
})

/** Sets that differ in what they name: none, one, several over one repository, and all kinds of callers. */
const SETS: readonly (readonly Policy[])[] = [
  [],
  [policy('a', { repositories: ['os-images/**'], groups: ['imaging'], actions: ['pull', 'push'] })],
  [
    policy('read', { repositories: ['**'], users: ['*'], actions: ['pull', 'list'] }),
    policy('write', { repositories: ['os-images/*'], groups: ['imaging'], actions: ['push'] }),
    policy('keys', { repositories: ['secret/**'], users: ['vera'], actions: ['admin'] }),
  ],
  [
    policy('jobs', { repositories: ['tools/**'], jobs: ['*'], actions: ['pull'] }),
    policy('job', { repositories: ['os-images/debian'], jobs: [JOB], actions: ['pull', 'list'] }),
    policy('ci', { repositories: ['{tools,public}/*'], groups: ['ci'], actions: ['delete'] }),
  ],
  [
    policy('nobody', { repositories: ['secret/keys'], users: ['gone'], actions: ['pull'] }),
    policy('mallory', { repositories: ['public/?????'], users: ['mallory'], actions: ['push'] }),
    policy('both', {
      repositories: ['os-images', 'unnamed/*'],
      users: ['olga', 'vic'],
      groups: ['others'],
      actions: ['list', 'delete'],
    }),
  ],
]
const OPEN = [[], ['public/**'], ['**']] as const

/** What a glob means, letter by letter: written apart from what it judges. */
function means(glob: string, name: string): boolean {
  const brace = /^([^{]*)\{([^}]*)\}(.*)$/.exec(glob)
  if (brace) {
    const [, head = '', list = '', tail = ''] = brace
    return list.split(',').some((word) => means(head + word + tail, name))
  }
  if (glob === '') return name === ''
  if (glob.startsWith('**')) {
    return [...name, ''].some((_, at) => means(glob.slice(2), name.slice(at)))
  }
  if (glob.startsWith('*')) {
    const most = `${name}/`.indexOf('/')
    return Array.from({ length: most + 1 }).some((_, at) => means(glob.slice(1), name.slice(at)))
  }
  if (name === '') return false
  if (glob.startsWith('?')) return name[0] !== '/' && means(glob.slice(1), name.slice(1))
  return glob[0] === name[0] && means(glob.slice(1), name.slice(1))
}

/** The rules as README and API tell them, in the order of the sentences. */
function expected(
  set: readonly Policy[],
  open: readonly string[],
  caller: Caller,
  action: OciAction,
  repository: string,
): boolean {
  const isAdmin = caller.kind === 'user' && caller.role === 'admin'
  const isOpen = open.some((glob) => means(glob, repository))
  if (isAdmin) return true
  if (isOpen && (action === 'pull' || action === 'list')) return true
  const about = set.filter(({ repositories }) => repositories.some((g) => means(g, repository)))
  if (about.length === 0) {
    if (caller.kind !== 'user') return false
    if (action === 'push') return caller.role === 'operator'
    return action === 'pull' || action === 'list'
  }
  const isNamed = ({ users, groups, jobs }: Policy): boolean => {
    if (caller.kind === 'anyone') return false
    if (caller.kind === 'job') return new Set(['*', caller.id]).intersection(new Set(jobs)).size > 0
    const names = new Set([...users, ...groups.map((group) => `group ${group}`)])
    const own = ['*', caller.name, ...caller.groups.map((group) => `group ${group}`)]
    return own.some((name) => names.has(name))
  }
  const named = about.filter(isNamed)
  const allowed = new Set(named.flatMap(({ actions }) => actions))
  return allowed.has('admin') || allowed.has(action)
}

test('every cell of the table of policies, callers, actions and repositories is as the rules say', () => {
  let cells = 0
  let allowed = 0
  for (const set of SETS) {
    for (const open of OPEN) {
      const judge = createPolicyJudge(set, open)
      for (const caller of CALLERS) {
        for (const repository of REPOSITORIES) {
          for (const action of OCI_ACTIONS) {
            const is = judge.may(caller, action, repository)
            const cell = { set: set.map(({ name }) => name), open, caller, repository, action, is }
            expect(cell).toEqual({ ...cell, is: expected(set, open, caller, action, repository) })
            cells++
            allowed += Number(is)
          }
        }
      }
    }
  }
  expect(cells).toBeGreaterThanOrEqual(2_000)
  // A judge that says always the same would pass no half of them.
  expect(allowed).toBeGreaterThan(cells * 0.2)
  expect(allowed).toBeLessThan(cells * 0.8)
})

test.each([
  { name: 'a viewer pulls', caller: user('v', 'viewer'), action: 'pull', may: true },
  { name: 'a viewer does not push', caller: user('v', 'viewer'), action: 'push', may: false },
  { name: 'an operator pushes', caller: user('o', 'operator'), action: 'push', may: true },
  {
    name: 'an operator deletes nothing',
    caller: user('o', 'operator'),
    action: 'delete',
    may: false,
  },
  { name: 'an admin deletes', caller: user('a', 'admin'), action: 'delete', may: true },
] as const)('where no policy names a repository, $name', ({ caller, action, may }) => {
  expect(createPolicyJudge([], []).may(caller, action, 'any/thing')).toBe(may)
})

test('the first policy for a repository closes it to all that it does not name, but admins', () => {
  const only = policy('x', { repositories: ['a/**'], users: ['vera'], actions: ['pull'] })
  const judge = createPolicyJudge([only], [])
  expect(judge.may(user('olga', 'operator'), 'pull', 'a/b')).toBe(false)
  expect(judge.may(user('olga', 'operator'), 'push', 'b/a')).toBe(true)
  expect(judge.may(user('vera', 'viewer'), 'list', 'a/b')).toBe(false)
  expect(judge.may(user('adam', 'admin'), 'delete', 'a/b')).toBe(true)
})
