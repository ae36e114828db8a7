// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manners } from './manners.ts'
import { type MessageKey, messages } from './messages.ts'
import type { Answer, Resource } from './wire.ts'

/** Thrown wherever a controller refuses; `answerOf` turns it into what goes over the wire. */
export class Refusal extends Error {
  readonly key: MessageKey
  readonly args: readonly string[]
  /** Sent with the answer. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    key: MessageKey,
    args: readonly string[] = [],
    headers: Readonly<Record<string, string>> = {},
    options: ErrorOptions = {},
  ) {
    super(messages[key].text(...args), options)
    this.key = key
    this.args = args
    this.headers = headers
  }
}

/** One entry of `@Message.ExtendedInfo`, in the manner of the family. */
export function messageOf({ key, args, message }: Refusal, manners: Manners): Resource {
  const MessageId = manners.messageIds[key]?.id ?? `${manners.registry}.${messages[key].id}`
  if (manners.bareErrorCode !== undefined) return { MessageArgs: args, MessageId }
  return {
    Message: message,
    MessageArgs: args,
    MessageId,
    Resolution: 'Correct the request, or wait for the state that it needs, and send it again.',
    Severity: 'Warning',
  }
}

/** The Redfish error body and status of a refusal (DSP0266, "Error responses"). */
export function answerOf(refusal: Refusal, manners: Manners): Answer {
  return {
    status: manners.messageIds[refusal.key]?.status ?? messages[refusal.key].status,
    headers: refusal.headers,
    body: errorBody(messageOf(refusal, manners), refusal.message, manners),
  }
}

/** An action that is done: 204, or 200 with the Success message, which has the form of an error. */
export function success(status: 200 | 204, manners: Manners): Answer {
  if (status === 204) return { status }
  const entry = { MessageArgs: [], MessageId: `${manners.registry}.Success` }
  const sentence = 'The request is done.'
  const full = { ...entry, Message: sentence, Severity: 'OK' }
  const bare = manners.bareErrorCode !== undefined
  return { status, body: errorBody(bare ? entry : full, sentence, manners) }
}

function errorBody(entry: Resource, sentence: string, { bareErrorCode }: Manners): Resource {
  const bare = 'See @Message.ExtendedInfo for more information.'
  return {
    error: {
      '@Message.ExtendedInfo': [entry],
      code: bareErrorCode ?? entry['MessageId'],
      message: bareErrorCode === undefined ? sentence : bare,
    },
  }
}
