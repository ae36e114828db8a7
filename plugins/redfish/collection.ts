// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Client } from './client.ts'
import { redfishFaults } from './faults.ts'
import { Collection, parseResource } from './resources.ts'

/** The largest shipped enclosures have some dozens of members; a page that links itself must end. */
const MOST_PAGES = 32

/** URIs of all members, in the controller's order, each once. */
export async function membersOf(
  client: Client,
  uri: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const members: string[] = []
  const seen = new Set<string>()
  for (let page: string | undefined = uri; page !== undefined; ) {
    if (seen.has(page) || seen.size === MOST_PAGES)
      throw redfishFaults.notRedfish(
        `The collection ${uri} of the BMC ${client.host} does not end: restart the controller.`,
      )
    seen.add(page)
    const part: Collection = parseResource(Collection, await client.get(page, signal))
    members.push(...part.Members)
    page = part['Members@odata.nextLink'] || undefined
  }
  return [...new Set(members)]
}
