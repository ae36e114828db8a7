// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Answer } from './answer.ts'
import type { Client, Order } from './client.ts'

/**
 * What to send as If-Match, in turn: the tag as it came, its strong form (Gigabyte refuses its own
 * weak one, community.general #6434), and none at all. An empty tag is no tag (sushy note
 * fix-missing-etags).
 */
export function matchesOf(etag: string | undefined): readonly (string | undefined)[] {
  if (!etag || etag === '""' || etag === 'W/""') return [undefined]
  const strong = etag.replace(/^W\//, '')
  return strong === etag ? [etag, undefined] : [etag, strong, undefined]
}

/** 412: the tag did not match. 428, or AMI's own message: one is required. */
const wantsAnother = (answer: Answer) => answer.status === 412 || answer.status === 428

/** PATCHes a resource, trying the forms of its ETag. Returns the last answer, whatever its status. */
export async function patch(
  client: Client,
  uri: string,
  etag: string | undefined,
  order: Pick<Order, 'body' | 'timeoutMs'>,
  signal: AbortSignal,
): Promise<Answer> {
  let last: Answer | undefined
  for (const match of matchesOf(etag)) {
    // Without a header where one is required there is only the first refusal to tell.
    if (match === undefined && last?.status === 428) break
    const headers: Record<string, string> = match === undefined ? {} : { 'If-Match': match }
    last = await client.send('PATCH', uri, signal, { ...order, headers })
    if (!wantsAnother(last)) return last
  }
  if (last?.status === 428 || !last) {
    // Any version: what RFC 9110 §13.1.1 has for those who know none.
    return client.send('PATCH', uri, signal, { ...order, headers: { 'If-Match': '*' } })
  }
  return last
}
