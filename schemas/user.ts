// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Time, type View } from './view.ts'

const Name = v.pipe(
  v.string(),
  v.regex(
    /^(?!job-[0-9a-f]{8}-)[a-z0-9._-]{1,64}$/,
    'must be 1 to 64 of a-z, 0-9, dot, underscore, hyphen, and not the name of a job’s own login (job-…)',
  ),
  v.examples(['ada']),
)
/** Name of a group of users: there is a group where a user is in it. */
export const GroupName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9._-]{1,64}$/, 'must be 1 to 64 of a-z, 0-9, dot, underscore, hyphen'),
  v.examples(['imaging']),
)
const Groups = v.pipe(v.array(GroupName), v.maxLength(64))
export const Role = v.picklist(['viewer', 'operator', 'admin'])
const Password = v.pipe(
  v.string(),
  v.minLength(8, 'must have 8 characters or more'),
  v.maxLength(512, 'must have 512 characters or less'),
)

/** POST /api/v1/users */
export const UserInput = v.strictObject({
  name: Name,
  role: Role,
  password: Password,
  groups: v.optional(Groups),
})
export type UserInput = v.InferOutput<typeof UserInput>

/** PATCH /api/v1/users/{name} */
export const UserPatch = v.pipe(
  v.strictObject({
    role: v.optional(Role),
    password: v.optional(Password),
    groups: v.optional(Groups),
  }),
  v.minEntries(1, 'must change role, password or groups'),
)
export type UserPatch = v.InferOutput<typeof UserPatch>

/** A user as the API shows one; the password is never returned. */
export const UserView = v.object({
  name: v.string(),
  role: Role,
  groups: v.array(v.string()),
  created_at: Time,
})
export type UserView = View<typeof UserView>

/** GET /api/v1/users */
export const UserList = v.object({ users: v.array(UserView) })
export type UserList = View<typeof UserList>

/** GET /api/v1/whoami */
export const WhoamiView = v.object({
  name: v.string(),
  role: Role,
  by: v.picklist(['token', 'basic', 'jwt']),
  groups: v.exactOptional(v.array(v.string())),
})
export type WhoamiView = View<typeof WhoamiView>
