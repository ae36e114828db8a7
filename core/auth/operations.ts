// SPDX-License-Identifier: AGPL-3.0-or-later
import { UserInput, UserList, UserPatch, UserView, WhoamiView } from '../../schemas/user.ts'
import type { OperationTable } from '../http/operation.ts'

const ONE = '/api/v1/users/:name'

export const userOperations: OperationTable = {
  tag: 'users',
  about: 'People and programs that log in with a password.',
  schemas: { UserInput, UserPatch, UserView, UserList, WhoamiView },
  operations: [
    {
      ...{ method: 'get', path: '/api/v1/whoami', id: 'whoami', access: 'viewer' },
      summary: 'Who is calling, as we see it',
      answers: { 200: { says: 'name, role and kind of login', schema: WhoamiView } },
    },
    {
      ...{ method: 'get', path: '/api/v1/users', id: 'listUsers', access: 'admin' },
      summary: 'All users',
      answers: { 200: { says: 'the users, without passwords', schema: UserList } },
    },
    {
      ...{ method: 'post', path: '/api/v1/users', id: 'addUser', access: 'admin' },
      summary: 'Let somebody log in',
      body: UserInput,
      answers: { 201: { says: 'the user', schema: UserView } },
      faults: ['conflict.exists'],
    },
    {
      ...{ method: 'patch', path: ONE, id: 'changeUser', access: 'admin' },
      summary: 'Change role, password or groups',
      body: UserPatch,
      answers: { 200: { says: 'the user', schema: UserView } },
      faults: ['request.not-found'],
    },
    {
      ...{ method: 'delete', path: ONE, id: 'removeUser', access: 'admin' },
      summary: 'End somebody’s access at once',
      answers: { 204: { says: 'it has ended' } },
      faults: ['request.not-found'],
    },
  ],
}
