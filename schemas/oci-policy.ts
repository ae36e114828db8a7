// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { choice, plainWord } from './rules.ts'
import { GroupName } from './user.ts'
import { Time, type View } from './view.ts'

/** What can be done to a repository. `list` shows it in the catalog and tells its tags; `admin` is all of them. */
export const OCI_ACTIONS = ['pull', 'push', 'delete', 'list', 'admin'] as const
export type OciAction = (typeof OCI_ACTIONS)[number]

export const OciPolicyName = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9._-]{0,63}$/))

/** `*`: everybody who logs in. */
const UserName = plainWord(/^(\*|[ -~]{1,128})$/, 'must be the name of a user, or *')
/** `*`: every job. */
const JobId = v.pipe(
  plainWord(/^(\*|[0-9a-f-]{36})$/, 'must be the id of a job, or *'),
  v.examples(['*']),
)

/** `*` within one part of a name, `**` over parts, `?` one character, `{a,b}` either. */
const Glob = v.pipe(v.string(), v.minLength(1), v.maxLength(255))
const names = <T extends v.GenericSchema<string, string>>(name: T) =>
  v.optional(v.pipe(v.array(name), v.maxLength(1_000)), [])

/**
 * PUT /api/v1/oci/policies/{policy}: what these may do there. A repository that no policy names goes
 * by the roles of users; one that any policy names is closed to all that none of its policies names:
 * a policy for nobody leaves it to admins.
 */
export const OciPolicyRequest = v.strictObject({
  repositories: v.pipe(v.array(Glob), v.minLength(1), v.maxLength(100)),
  users: names(UserName),
  groups: names(GroupName),
  jobs: names(JobId),
  actions: v.pipe(v.array(choice(OCI_ACTIONS)), v.minLength(1), v.maxLength(OCI_ACTIONS.length)),
})
export type OciPolicyRequest = v.InferOutput<typeof OciPolicyRequest>

export const OciPolicy = v.object({
  name: v.string(),
  repositories: v.array(v.string()),
  users: v.array(v.string()),
  groups: v.array(v.string()),
  jobs: v.array(v.string()),
  actions: v.array(v.picklist(OCI_ACTIONS)),
  changed_at: Time,
  changed_by: v.string(),
})
export type OciPolicy = View<typeof OciPolicy>

/** GET /api/v1/oci/policies */
export const OciPolicyList = v.object({
  policies: v.array(OciPolicy),
  /** Globs of the configuration: anybody may pull and list there, whatever the policies say. */
  anonymous_pull: v.array(v.string()),
})
export type OciPolicyList = View<typeof OciPolicyList>
