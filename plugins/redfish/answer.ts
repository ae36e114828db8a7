// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OemAnswer } from '../../core/jobs/oem.ts'
import type { Method, RawAnswer } from './connection.ts'
import { type Message, messagesOf, quote } from './messages.ts'
import type { Redactor } from './redact.ts'

/** The same for the engine and for OEM actions. */
export type Answer = OemAnswer

const clean = (message: Message, redactor: Redactor): Message => ({
  id: message.id,
  text: redactor.clean(message.text),
  args: message.args.map((arg) => redactor.clean(arg)),
  resolution: redactor.clean(message.resolution),
})

function parse(text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    // What a caller needs as JSON it checks with a schema, and says so there.
    return undefined
  }
}

/** First words of a body that is no JSON, so that a proxy's error page can be recognised. */
function firstWords(text: string): string {
  const words = text
    .slice(0, 2_048)
    .replace(/<(script|style)[\s\S]*?(<\/\1>|$)/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
  return words.replace(/\s+/g, ' ').trim().slice(0, 160)
}

/** Parses once, so that everything behind it works with clean words. */
export function answerOf(
  raw: RawAnswer,
  asked: { host: string; method: Method; path: string },
  redactor: Redactor,
): Answer {
  const body = parse(raw.text)
  const messages = messagesOf(body).map((message) => clean(message, redactor))
  const words = body === undefined ? redactor.clean(firstWords(raw.text)) : ''
  return {
    ...asked,
    status: raw.status,
    ok: raw.status >= 200 && raw.status < 300,
    header: raw.header,
    body,
    messages,
    said: quote(messages) || words,
  }
}

/** `The BMC 10.0.0.5 answered POST /redfish/v1/… with 400: “…”`, without a full stop. */
export const told = ({ host, method, path, status, said }: Answer) =>
  `The BMC ${host} answered ${method} ${path} with ${status}${said ? `: ${said}` : ''}`
