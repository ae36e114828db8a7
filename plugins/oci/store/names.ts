// SPDX-License-Identifier: AGPL-3.0-or-later

/** distribution-spec v1.1.1, "Pulling manifests": what a repository and a tag may be called. */
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** Clients count the host name too and stop at 255. */
const LONGEST_REPOSITORY = 200

export const isRepositoryName = (name: string): boolean =>
  name.length <= LONGEST_REPOSITORY && REPOSITORY.test(name)

export const isTag = (tag: string): boolean => TAG.test(tag)
