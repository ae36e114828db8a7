// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

const Name = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9._-]{1,64}$/, 'must be 1 to 64 of a-z, 0-9, dot, underscore, hyphen'),
)
const Role = v.picklist(['viewer', 'operator', 'admin'])
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
  v.check(
    ({ role, password }) => role !== undefined || password !== undefined,
    'must change role or password',
  ),
)
export type UserPatch = v.InferOutput<typeof UserPatch>

/** A user as the API shows one; the password is never returned. */
export interface UserView {
  readonly name: string
  readonly role: v.InferOutput<typeof Role>
  readonly created_at: string
}

/** GET /api/v1/whoami */
export interface WhoamiView {
  readonly name: string
  readonly role: v.InferOutput<typeof Role>
  readonly by: 'token' | 'basic' | 'jwt'
}
