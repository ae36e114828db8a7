// SPDX-License-Identifier: AGPL-3.0-or-later
import { sentence } from '../../core/faults.ts'
import type { BmcExchange } from '../../core/jobs/bmc.ts'
import { type Answer, answerOf } from './answer.ts'
import type { Connection, Method } from './connection.ts'
import { redfishFaults } from './faults.ts'
import type { Redactor } from './redact.ts'

/** A question or an order, before it knows how we log in. */
export interface Ask {
  readonly method: Method
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON; undefined sends no body at all. */
  readonly body?: unknown
  /** For an answer that comes only when the work is done; else the limit of every request. */
  readonly timeoutMs?: number
  /** A login: neither its body nor its answer goes into a transcript. */
  readonly secret?: boolean
}

/** One question, its redirects followed. */
export type Exchange = (ask: Ask, signal: AbortSignal) => Promise<Answer>

/** A controller has one to give, for the slash at the end; three leave room for a proxy. */
const MOST_REDIRECTS = 3

/**
 * Path of a link on this BMC. A controller behind a translated address names itself by another
 * host in `Location`; only the path is taken, so credentials can go nowhere else.
 */
export function pathOf(link: string, origin: string): string {
  const url = URL.parse(link, origin)
  if (!url) throw redfishFaults.notRedfish(`The BMC ${new URL(origin).host} gave a broken link.`)
  return `${url.pathname}${url.search}`
}

/** Where a redirect leads, or undefined when the answer is none that we follow. */
function redirectOf(answer: Answer, ask: Ask, origin: string): string | undefined {
  const target = answer.header('location')
  const moved = [301, 302, 307, 308].includes(answer.status)
  if (!moved || target === undefined) return undefined
  const url = URL.parse(target, `${origin}${ask.path}`)
  if (url?.origin === origin) {
    // 301 and 302 turn what is not a GET into one: then it would not do what was asked.
    if (ask.method === 'GET' || answer.status >= 307) return `${url.pathname}${url.search}`
  }
  throw redfishFaults.redirected(
    `The BMC ${answer.host} sends ${ask.method} ${ask.path} on to ${url?.origin ?? 'a broken address'}, where our credentials do not go: set the machine's BMC URL to the address that answers itself.`,
  )
}

/** Told of each request, words clean. */
export type Recorder = (exchange: Omit<BmcExchange, 'at'>) => void

/** Asks over one connection; remembers for its life what the controller can not stand. */
export function createExchange(
  connection: Connection,
  redactor: Redactor,
  record?: Recorder,
): Exchange {
  // sushy asks for `identity`; some iLO resources answer that with 406 (sushy connector.py:311).
  let encoding: Record<string, string> = { 'Accept-Encoding': 'identity' }

  async function once(ask: Ask, path: string, signal: AbortSignal): Promise<Answer> {
    const { method, body } = ask
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = {
      Accept: 'application/json',
      'OData-Version': '4.0',
      'User-Agent': 'slipway',
      ...(text === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...encoding,
      ...ask.headers,
    }
    const { timeoutMs } = ask
    const started = performance.now()
    const tell = (came: Pick<BmcExchange, 'status' | 'answer' | 'error'>) =>
      record?.({
        ...{ ms: Math.round(performance.now() - started), method, path },
        sent: text === undefined ? undefined : ask.secret ? '[…]' : redactor.clean(text),
        ...came,
      })
    try {
      const raw = await connection.exchange(
        { method, path, headers, body: text, timeoutMs },
        signal,
      )
      const said = () => redactor.clean(raw.text)
      tell({ status: raw.status, answer: ask.secret ? '[…]' : record && said() })
      return answerOf(raw, { host: connection.host, method, path }, redactor)
    } catch (error) {
      tell({ error: redactor.clean(sentence(error)) })
      throw error
    }
  }

  return async (ask, signal) => {
    // Links are the controller's: whatever stands in one, the request goes to this BMC.
    let path = pathOf(ask.path, connection.origin)
    for (let hops = 0; ; hops++) {
      let answer = await once(ask, path, signal)
      if (answer.status === 406 && 'Accept-Encoding' in encoding) {
        encoding = {}
        answer = await once(ask, path, signal)
      }
      const next = redirectOf(answer, { ...ask, path }, connection.origin)
      if (next === undefined) return answer
      if (hops === MOST_REDIRECTS)
        throw redfishFaults.redirected(
          `The BMC ${connection.host} redirects ${ask.method} ${ask.path} in circles: restart the controller.`,
        )
      path = next
    }
  }
}
