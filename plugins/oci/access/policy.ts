// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Role } from '../../../core/auth/auth.ts'
import { OCI_ACTIONS, type OciAction } from '../../../schemas/oci-policy.ts'
import { createGlob, type Glob } from '../care/care-glob.ts'

/** Who may do what to which repositories. Policies only ever allow. */
export interface Policy {
  readonly name: string
  /** Globs of repository names. */
  readonly repositories: readonly string[]
  /** Names; `*`: everybody who logs in. */
  readonly users: readonly string[]
  readonly groups: readonly string[]
  /** Ids; `*`: every job. */
  readonly jobs: readonly string[]
  readonly actions: readonly OciAction[]
}

/** Who asks. */
export type Caller =
  | {
      readonly kind: 'user'
      readonly name: string
      readonly role: Role
      readonly groups: readonly string[]
    }
  | { readonly kind: 'job'; readonly id: string }
  | { readonly kind: 'anyone' }

export interface PolicyJudge {
  may(caller: Caller, action: OciAction, repository: string): boolean
}

/** Where no policy names a repository. */
const BY_ROLE: Readonly<Record<Role, readonly OciAction[]>> = {
  viewer: ['pull', 'list'],
  operator: ['pull', 'list', 'push'],
  admin: OCI_ACTIONS,
}
const ANONYMOUS: readonly OciAction[] = ['pull', 'list']

/** Repositories whose policies are remembered; asked for at every request. */
const MOST_KNOWN = 10_000

interface Rules {
  readonly open: boolean
  readonly policies: readonly Policy[]
}

const meant = ({ users, groups, jobs }: Policy, caller: Caller): boolean => {
  if (caller.kind === 'anyone') return false
  if (caller.kind === 'job') return jobs.includes('*') || jobs.includes(caller.id)
  if (users.includes('*') || users.includes(caller.name)) return true
  return groups.some((group) => caller.groups.includes(group))
}

/**
 * The verdicts, in this order: an admin may do all; what is open to anybody may be pulled and listed
 * by anybody; where policies name the repository, one of them must name caller and action (`admin`
 * is every action); where none does, the role decides. `open`: globs that anybody may pull.
 */
export function createPolicyJudge(
  policies: readonly Policy[],
  open: readonly string[],
): PolicyJudge {
  const globsOf = (patterns: readonly string[]): readonly Glob[] => patterns.map(createGlob)
  const compiled = policies.map((policy) => ({ policy, globs: globsOf(policy.repositories) }))
  const openGlobs = globsOf(open)
  const known = new Map<string, Rules>()

  const rulesOf = (repository: string): Rules => {
    const before = known.get(repository)
    if (before) return before
    const matches = (globs: readonly Glob[]) => globs.some((glob) => glob(repository))
    const rules = {
      open: matches(openGlobs),
      policies: compiled.filter(({ globs }) => matches(globs)).map(({ policy }) => policy),
    }
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(repository, rules)
    return rules
  }

  return {
    may(caller, action, repository) {
      if (caller.kind === 'user' && caller.role === 'admin') return true
      const rules = rulesOf(repository)
      if (rules.open && ANONYMOUS.includes(action)) return true
      if (rules.policies.length === 0) {
        return caller.kind === 'user' && BY_ROLE[caller.role].includes(action)
      }
      return rules.policies.some(
        (policy) =>
          meant(policy, caller) &&
          (policy.actions.includes(action) || policy.actions.includes('admin')),
      )
    },
  }
}
