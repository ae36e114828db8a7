// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ApplianceClient, CommandCall } from '../../../core/command.ts'
import { clientFaults } from '../client/faults.ts'
import { parseReference, type Reference } from '../client/reference.ts'
import { isTag } from '../store/names.ts'

const API = '/api/v1/oci'
const PAGE = '100'

/** Path of a route below the registry's admin API; each part is escaped. */
export const apiPath = (...parts: readonly string[]) =>
  [API, ...parts.map(encodeURIComponent)].join('/')

/** All items of a list that comes in pages. */
export async function readAll<P extends { readonly next_cursor?: string | undefined }, T>(
  client: ApplianceClient,
  path: string,
  itemsOf: (page: P) => readonly T[],
): Promise<readonly T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const page: P = await client.json('GET', path, { query: { limit: PAGE, cursor } })
    items.push(...itemsOf(page))
    cursor = page.next_cursor
  } while (cursor !== undefined)
  return items
}

/** Is this a repository of the appliance that the command talks to? */
export async function isOwn({ client }: CommandCall, origin: string | undefined): Promise<boolean> {
  return origin === undefined || origin === (await client()).url
}

/** A reference into the appliance's own registry, for what only it can do. */
export async function ownReference(call: CommandCall, text: string): Promise<Reference> {
  const reference = parseReference(text)
  if (await isOwn(call, reference.origin)) return reference
  throw call.usage(
    `${text} lies in another registry: only an appliance can do this, named by --url`,
  )
}

/** A tag of the appliance's own registry; it must be said. */
export async function ownTag(call: CommandCall, text: string) {
  const { repository, tag } = await ownReference(call, text)
  if (tag === undefined) throw call.usage(`${text} names no tag: write ${repository}:TAG`)
  return { repository, tag }
}

/** Throws when a new tag is none. */
export function checkedTag(tag: string): string {
  if (isTag(tag)) return tag
  throw clientFaults.reference(
    `\`${tag}\` is no tag: 1 to 128 letters, digits, dots, dashes and underscores`,
  )
}
