// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Fault } from '../../../core/faults.ts'
import { clientFaults } from './faults.ts'
import { readText } from './read-text.ts'
import { type Answer, type Exchange, header, type Transport } from './transport.ts'

/** The body of a refusal; many send others. */
const Errors = v.object({
  errors: v.array(v.object({ code: v.optional(v.string(), ''), message: v.optional(v.string()) })),
})

const MOST_REASONS = 5

/** Turns an answer that is not as hoped into a fault. `what` completes "… refused to". */
export async function refusal(answer: Answer, what: string): Promise<Fault> {
  const { status, url } = answer
  const text = await readText(answer.body).catch(() => '')
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Errors), text)
  const reasons = parsed.success
    ? parsed.output.errors
        .slice(0, MOST_REASONS)
        .map(({ code, message }) => [code, message].filter(Boolean).join(': '))
        .filter(Boolean)
    : []
  const why = reasons.length > 0 ? reasons.join('; ') : `status ${status}`
  const sentence = `${url.host} refused to ${what} (${why})`
  if (status === 401) {
    return clientFaults.unauthorized(`${sentence}: it wants a login that may do this`)
  }
  if (status === 403) {
    return clientFaults.denied(`${sentence}: the login has no right to it, or a rule forbids it`)
  }
  if (status === 404) return clientFaults.notFound(sentence)
  if (status === 413) return clientFaults.tooLarge(`${sentence}: it takes nothing so large`)
  if (status === 507) return clientFaults.full(`${sentence}: it has no room; free some there`)
  if (status === 408 || status === 429 || status >= 500) {
    const after = Number(header(answer.headers, 'retry-after'))
    const extras = Number.isFinite(after) && after > 0 ? { retryAfterSeconds: after } : {}
    return clientFaults.busy(sentence, extras)
  }
  if (status < 400) {
    return clientFaults.protocol(`${url.host} did not ${what}: it answered ${status}`)
  }
  return clientFaults.refused(sentence)
}

/** Sends, and throws a fault unless the answer's status is one of the good ones. */
export async function expectAnswer(
  transport: Transport,
  exchange: Exchange,
  good: readonly number[],
  what: string,
): Promise<Answer> {
  const answer = await transport.send(exchange)
  if (good.includes(answer.status)) return answer
  throw await refusal(answer, what)
}
