// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Answer } from './answer.ts'
import type { Client, Order } from './client.ts'

/** What is PATCHed, and the ETag under which it was read. */
export interface PatchTarget {
  readonly uri: string
  readonly etag: string | undefined
  /** Reads the ETag again: it may have changed since (Lenovo XCC, community.general #11261). */
  readonly fresh: () => Promise<string | undefined>
}

/**
 * What to send as If-Match, in turn: the tag as it came, its strong form (Gigabyte refuses its own
 * weak one, community.general #6434), and none at all. An empty tag is no tag (sushy note
 * fix-missing-etags).
 */
function matchesOf(etag: string | undefined): readonly (string | undefined)[] {
  if (!etag || etag === '""' || etag === 'W/""') return [undefined]
  const strong = etag.replace(/^W\//, '')
  return strong === etag ? [etag, undefined] : [etag, strong, undefined]
}

/** Sends the forms of one tag until one is taken. 412 does not match, 428 wants one. */
async function patchUnder(
  client: Client,
  uri: string,
  etag: string | undefined,
  order: Pick<Order, 'body' | 'timeoutMs'>,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  let last: Answer | undefined
  for (const match of matchesOf(etag)) {
    const headers: Record<string, string> = match === undefined ? {} : { 'If-Match': match }
    const answer = await client.send('PATCH', uri, signal, { ...order, headers })
    if (answer.status !== 412 && answer.status !== 428) return answer
    // That one is required is known already: what was wrong with it says more.
    if (answer.status === 412 || !last) last = answer
  }
  return last
}

/** PATCHes a resource, trying the forms of its ETag, then those of a fresh one. Returns the last answer. */
export async function patch(
  client: Client,
  { uri, etag, fresh }: PatchTarget,
  order: Pick<Order, 'body' | 'timeoutMs'>,
  signal: AbortSignal,
): Promise<Answer> {
  const first = await patchUnder(client, uri, etag, order, signal)
  if (first && first.status !== 412 && first.status !== 428) return first
  const now = await fresh()
  const second = now === etag ? undefined : await patchUnder(client, uri, now, order, signal)
  if (second && second.status !== 428) return second
  if (first && first.status !== 428) return first
  // Any version: what RFC 9110 §13.1.1 has for those who know none.
  return client.send('PATCH', uri, signal, { ...order, headers: { 'If-Match': '*' } })
}
