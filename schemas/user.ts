// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Time, type View } from './view.ts'

const Name = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9._-]{1,64}$/, 'must be 1 to 64 of a-z, 0-9, dot, underscore, hyphen'),
  v.examples(['ada']),
)
export const Role = v.picklist(['viewer', 'operator', 'admin'])
const Password = v.pipe(
  v.string(),
  v.minLength(8, 'must have 8 characters or more'),
  v.maxLength(512, 'must have 512 characters or less'),
)

/** POST /api/v1/users */
export const UserInput = v.strictObject({ name: Name, role: Role, password: Password })
export type UserInput = v.InferOutput<typeof UserInput>

/** PATCH /api/v1/users/{name} */
export const UserPatch = v.pipe(
  v.strictObject({ role: v.optional(Role), password: v.optional(Password) }),
  v.minEntries(1, 'must change role or password'),
)
export type UserPatch = v.InferOutput<typeof UserPatch>

/** A user as the API shows one; the password is never returned. */
export const UserView = v.object({ name: v.string(), role: Role, created_at: Time })
export type UserView = View<typeof UserView>

/** GET /api/v1/users */
export const UserList = v.object({ users: v.array(UserView) })
export type UserList = View<typeof UserList>

/** GET /api/v1/whoami */
export const WhoamiView = v.object({
  name: v.string(),
  role: Role,
  by: v.picklist(['token', 'basic', 'jwt']),
})
export type WhoamiView = View<typeof WhoamiView>
