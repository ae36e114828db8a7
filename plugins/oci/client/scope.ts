// SPDX-License-Identifier: AGPL-3.0-or-later

/** Rights as token servers write them: `repository:os/debian:pull,push`. */
export type Scope = string

export const pullScope = (repository: string): Scope => `repository:${repository}:pull`
export const pushScope = (repository: string): Scope => `repository:${repository}:pull,push`
export const deleteScope = (repository: string): Scope => `repository:${repository}:delete,pull`
export const CATALOG_SCOPE: Scope = 'registry:catalog:*'

/** One scope a resource with the union of its actions, sorted: equal rights read equal. */
export function mergeScopes(scopes: readonly Scope[]): readonly Scope[] {
  const actions = new Map<string, Set<string>>()
  for (const scope of scopes) {
    // The name may hold a colon of its own: the actions stand after the last one.
    const colon = scope.lastIndexOf(':')
    if (colon === -1) continue
    const resource = scope.slice(0, colon)
    const known = actions.get(resource) ?? new Set()
    for (const action of scope.slice(colon + 1).split(',')) if (action) known.add(action)
    actions.set(resource, known)
  }
  return [...actions].map(([resource, set]) => `${resource}:${[...set].sort().join(',')}`).sort()
}
