// SPDX-License-Identifier: AGPL-3.0-or-later

import { table } from '../../core/table.ts'
import { localTime } from '../../core/times.ts'
import type { UserView } from '../../schemas/user.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { newSecret } from './prompt.ts'

const PATH = '/api/v1/users'
const NAME = { name: 'NAME', summary: 'name of the user' }
const ROLES = ['viewer', 'operator', 'admin']
const GROUP = {
  value: 'GROUP',
  repeat: true,
  summary: 'group that the user is in, for policies of the registry; may be repeated',
}
const inGroups = ({ groups }: UserView) => (groups.length > 0 ? `, in ${groups.join(', ')}` : '')
const userPath = (name: string) => `${PATH}/${encodeURIComponent(name)}`

export const userAdd: CliCommand = {
  words: ['user', 'add'],
  summary: 'let a person or program log in with a password',
  about: 'The password is asked for twice, or read from standard input when that is piped.',
  arguments: [NAME],
  options: {
    role: { value: 'ROLE', choices: ROLES, summary: 'viewer (default), operator or admin' },
    group: GROUP,
  },
  examples: ['slipway user add ada --role operator', 'pass show slipway/ci | slipway user add ci'],
  async run({ args: [name], flags, out, client: open }) {
    const client = await open()
    const role = flags.text('role') ?? 'viewer'
    const groups = flags.list('group')
    const inThem = groups.length > 0 ? { groups } : {}
    const body = { name, role, ...inThem, password: await newSecret('password') }
    const user = await client.json<UserView>('POST', PATH, { body })
    out.answer(user, () => [`${user.name} may log in as ${user.role}${inGroups(user)}`])
    return EXIT.ok
  },
}

export const userList: CliCommand = {
  words: ['user', 'list'],
  summary: 'users with a password, and their roles',
  examples: ['slipway user list --json'],
  async run({ out, client: open }) {
    const answer = await (await open()).json<{ users: readonly UserView[] }>('GET', PATH)
    out.answer(answer, ({ users }) => {
      if (users.length === 0) return ['no users; the admin token works always']
      const columns = [
        { title: 'NAME', value: (user: UserView) => user.name },
        { title: 'ROLE', value: (user: UserView) => user.role },
        { title: 'GROUPS', value: (user: UserView) => user.groups.join(' ') },
        { title: 'SINCE', value: (user: UserView) => localTime(user.created_at) },
      ]
      return table(users, columns, out.columns())
    })
    return EXIT.ok
  },
}

export const userChange: CliCommand = {
  words: ['user', 'change'],
  summary: 'give a user another role or other groups',
  about: 'Groups that are given take the place of those before. It counts at once.',
  arguments: [NAME],
  options: {
    role: { value: 'ROLE', choices: ROLES, summary: 'viewer, operator or admin' },
    group: GROUP,
    'no-groups': { summary: 'take the user out of all groups' },
  },
  examples: ['slipway user change ada --role admin', 'slipway user change ci --group imaging'],
  async run({ args: [name = ''], flags, out, client: open }) {
    const [role, groups] = [flags.text('role'), flags.list('group')]
    const client = await open()
    const body = {
      ...(role === undefined ? {} : { role }),
      ...(groups.length > 0 || flags.on('no-groups') ? { groups } : {}),
    }
    const user = await client.json<UserView>('PATCH', userPath(name), { body })
    out.answer(user, () => [`${user.name} may log in as ${user.role}${inGroups(user)}`])
    return EXIT.ok
  },
}

export const userRemove: CliCommand = {
  words: ['user', 'remove'],
  summary: 'end a user’s access at once',
  arguments: [NAME],
  examples: ['slipway user remove ada'],
  async run({ args: [name = ''], out, client: open }) {
    await (await open()).request('DELETE', userPath(name))
    out.answer({ removed: name }, () => [`${name} may not log in any more`])
    return EXIT.ok
  },
}

export const userPassword: CliCommand = {
  words: ['user', 'passwd'],
  summary: 'change the password of a user',
  arguments: [NAME],
  examples: ['slipway user passwd ada'],
  async run({ args: [name = ''], out, client: open }) {
    const client = await open()
    const body = { password: await newSecret('password') }
    const user = await client.json<UserView>('PATCH', userPath(name), { body })
    out.answer(user, () => [`the password of ${user.name} is changed`])
    return EXIT.ok
  },
}
