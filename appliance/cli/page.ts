// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Flags, OptionSpecs, RequestOptions } from '../../core/command.ts'
import type { Client } from './client.ts'
import { usageProblem } from './problem.ts'

/** A page of any list of the API. */
interface Page {
  readonly next_cursor?: string
}

export const LIST_OPTIONS = {
  limit: { value: 'N', summary: 'how many at most (default 50)' },
  all: { summary: 'all of them' },
} as const satisfies OptionSpecs

const LARGEST_PAGE = 100

/** Reads pages until the limit or the end; the cursor of what was left out comes back. */
export async function readPages<P extends Page, T>(
  client: Client,
  path: string,
  query: NonNullable<RequestOptions['query']>,
  flags: Flags,
  itemsOf: (page: P) => readonly T[],
): Promise<{ readonly items: readonly T[]; readonly next_cursor?: string }> {
  const limit = limitOf(flags)
  const items: T[] = []
  let cursor: string | undefined
  do {
    const wanted = Math.min(limit - items.length, LARGEST_PAGE)
    const page: P = await client.json('GET', path, {
      query: { ...query, limit: `${wanted}`, cursor },
    })
    items.push(...itemsOf(page))
    cursor = page.next_cursor
  } while (cursor !== undefined && items.length < limit)
  return { items, ...(cursor === undefined ? {} : { next_cursor: cursor }) }
}

function limitOf(flags: Flags): number {
  if (flags.on('all')) return Number.POSITIVE_INFINITY
  const text = flags.text('limit') ?? '50'
  if (!/^[1-9]\d{0,5}$/.test(text)) throw usageProblem('--limit is a number from 1')
  return Number(text)
}
