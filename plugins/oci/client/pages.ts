// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { clientFaults } from './faults.ts'
import { readBytes } from './read-text.ts'
import { expectAnswer } from './refusal.ts'
import type { Scope } from './scope.ts'
import { type Answer, header, type Transport } from './transport.ts'

export interface Listing<T, R> {
  /** Of the first page. */
  readonly target: string
  readonly scopes: readonly Scope[]
  readonly schema: v.GenericSchema<unknown, T>
  items(page: T): readonly R[]
  /** Completes "… refused to". */
  readonly what: string
}

/** All items of a list, page by page. */
export async function* readPages<T, R>(
  transport: Transport,
  { target: first, scopes, schema, items, what }: Listing<T, R>,
): AsyncGenerator<R> {
  for (let target: string | undefined = first; target !== undefined; ) {
    const exchange = { method: 'GET', target, scopes } as const
    const answer: Answer = await expectAnswer(transport, exchange, [200], what)
    yield* items(parseAs(schema, await readBytes(answer.body), `the answer of ${transport.origin}`))
    target = nextPage(header(answer.headers, 'link'), answer.url)
  }
}

/** A document of the specification. Throws `oci-client.protocol`. */
export function parseAs<T>(
  schema: v.GenericSchema<unknown, T>,
  bytes: Uint8Array,
  what: string,
): T {
  const text = new TextDecoder().decode(bytes)
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), v.unknown(), schema), text)
  if (result.success) return result.output
  throw clientFaults.protocol(`${what} is not as the specification of OCI registries says`)
}

/** RFC 8288: `</v2/…?last=x>; rel="next"`. Only to the same origin: it is asked with our login. */
function nextPage(link: string | undefined, from: URL): string | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(link ?? '')?.[1]
  const url = target === undefined ? undefined : URL.parse(target, from.href)
  return url && url.origin === from.origin ? url.href : undefined
}
