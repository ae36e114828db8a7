// SPDX-License-Identifier: AGPL-3.0-or-later
import { OCI_ACTIONS, type OciAction } from '../../../schemas/oci-policy.ts'

/** What a token opens: all actions on one repository that were asked for and granted. */
export interface Grant {
  readonly type: 'repository' | 'registry'
  readonly name: string
  readonly actions: readonly string[]
}

/** More than any client asks for: a mount needs two. */
const MOST_SCOPES = 64
const LONGEST_SCOPE = 600

/** The catalog is the only thing of type `registry`. */
export const CATALOG: Grant = { type: 'registry', name: 'catalog', actions: ['*'] }

/**
 * Reads scopes as clients send them (`repository:a/b:pull,push`), several in one text between
 * blanks. A name may hold a colon (`localhost:5000/a`), a type a class (`repository(plugin)`).
 * What is no scope of ours is left out: asking for too much is no error.
 */
export function parseScopes(texts: readonly string[]): Grant[] {
  const scopes = texts.flatMap((text) => text.split(' ')).filter((text) => text !== '')
  return scopes.slice(0, MOST_SCOPES).flatMap((scope) => {
    const [, type, name = '', actions = ''] =
      /^(repository|registry)(?:\([^)]*\))?:(.+):([^:]*)$/.exec(scope.slice(0, LONGEST_SCOPE)) ?? []
    if (type !== 'repository' && type !== 'registry') return []
    return [{ type, name, actions: actions.split(',').filter((action) => action !== '') }]
  })
}

/** The scope that a client must ask for to do this. Pulling tells tags too: clients know no `list`. */
export function scopeFor(action: OciAction, repository: string | undefined): string | undefined {
  if (repository === undefined) return action === 'list' ? 'registry:catalog:*' : undefined
  if (action === 'push') return `repository:${repository}:pull,push`
  if (action === 'admin') return `repository:${repository}:*`
  return `repository:${repository}:${action === 'list' ? 'pull' : action}`
}

/** What somebody who asks for `action` may get with it. */
const MEANT: Readonly<Record<string, readonly OciAction[]>> = {
  pull: ['pull', 'list'],
  push: ['push'],
  delete: ['delete'],
  '*': OCI_ACTIONS,
}

/** What was asked for and is allowed; scopes of which nothing is left are left out. */
export function intersect(
  asked: readonly Grant[],
  mayDo: (action: OciAction, repository: string) => boolean,
  mayList: boolean,
): Grant[] {
  const byName = new Map<string, Set<string>>()
  let catalog = false
  for (const { type, name, actions } of asked) {
    if (type === 'registry') {
      catalog ||= mayList && name === 'catalog' && actions.includes('*')
      continue
    }
    const granted = byName.get(name) ?? new Set()
    byName.set(name, granted)
    for (const action of actions.flatMap((each) => MEANT[each] ?? [])) {
      if (mayDo(action, name)) granted.add(action)
    }
  }
  return [
    ...[...byName].flatMap(([name, actions]): Grant[] =>
      actions.size === 0 ? [] : [{ type: 'repository', name, actions: [...actions] }],
    ),
    ...(catalog ? [CATALOG] : []),
  ]
}

/** Do these grants open that? The catalog's lists every repository; who sees which is not its matter. */
export function covers(
  grants: readonly Grant[],
  action: OciAction,
  repository: string | undefined,
): boolean {
  if (repository === undefined && action !== 'list') return true
  return grants.some(({ type, name, actions }) =>
    type === 'registry' ? action === 'list' : name === repository && actions.includes(action),
  )
}

/** As the answer of the token endpoint tells it. */
export const scopeText = (grants: readonly Grant[]): string =>
  grants.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ')
