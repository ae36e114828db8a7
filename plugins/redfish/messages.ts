// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OemMessage } from '../../core/jobs/oem.ts'

/** The same for the engine and for OEM actions. */
export type Message = OemMessage

const record = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined

const string = (value: unknown) => (typeof value === 'string' ? value.trim() : '')

/** A list, or the one object that some controllers put there instead (xFusion 2288H V7, iDRAC). */
const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]

function messageOf(value: unknown): Message | undefined {
  const raw = record(value)
  if (!raw) return undefined
  const message: Message = {
    id: string(raw['MessageId']),
    text: string(raw['Message']),
    args: listOf(raw['MessageArgs']).filter((arg) => typeof arg === 'string'),
    resolution: string(raw['Resolution']),
  }
  // Supermicro tasks carry one message whose every field is empty.
  return message.id || message.text ? message : undefined
}

/** What the body of an answer says: extended information at any of its usual places, messages of a Task. */
export function messagesOf(body: unknown): readonly Message[] {
  const root = record(body)
  if (!root) return []
  const error = record(root['error'])
  const annotated = Object.keys(root).filter((key) => key.endsWith('@Message.ExtendedInfo'))
  const found = [
    ...listOf(error?.['@Message.ExtendedInfo']),
    ...annotated.flatMap((key) => listOf(root[key])),
    ...('TaskState' in root ? listOf(root['Messages']) : []),
  ].flatMap((value) => messageOf(value) ?? [])
  if (found.length > 0 || !error) return found
  const text = string(error['message'])
  const id = string(error['code'])
  return text || id ? [{ id, text, args: [], resolution: '' }] : []
}

/** Name of a message without registry and version: `ActionParameterMissing`. */
export const keyOf = (message: Message) => message.id.split('.').at(-1) ?? ''

/** Its sentence; a general error says what is wrong in its resolution, if anywhere (iDRAC, captured by sushy). */
export const wordsOf = (message: Message) =>
  keyOf(message) === 'GeneralError' && message.resolution !== ''
    ? `${message.text} ${message.resolution}`.trim()
    : message.text

/** The messages as the controller worded them, in one line; '' when it said nothing. */
export function quote(messages: readonly Message[]): string {
  const sayings = messages.map((message) => {
    const { id, args } = message
    const text = wordsOf(message)
    if (!text) return args.length > 0 ? `${id} (${args.join(', ')})` : id
    return id ? `“${text}” (${id})` : `“${text}”`
  })
  return [...new Set(sayings)].join(' ')
}

const anyMatches = (messages: readonly Message[], pattern: RegExp) =>
  messages.some(({ id, text }) => pattern.test(id) || pattern.test(text))

/** iDRAC RAC0218, `SessionLimitExceeded`, "maximum number of user sessions". */
export const saysNoSession = (messages: readonly Message[]) =>
  anyMatches(messages, /RAC0218|SessionLimitExceeded|max(imum)?\b.{0,20}\bsessions?\b/i)

/** sushy retries on SYS518 (connector.py:102); the others are of the Base registry. */
export const saysTryLater = (messages: readonly Message[]) =>
  anyMatches(
    messages,
    /SYS518|ServiceTemporarilyUnavailable|ServiceInUnknownState|ServiceShuttingDown/,
  )

/** iLO: boot settings are closed during POST, and soon after a change of power (ironic management.py, sushy connector.py:106). */
export const saysNotDuringPost = (messages: readonly Message[]) =>
  anyMatches(
    messages,
    /UnableToModifyDuringSystemPOST|InvalidOperationForSystemState|OperationSupportedInFutureState$/,
  )

/** iLO LicenseKeyRequired, Supermicro OemLicenseNotPassed, and plain words. */
export const saysLicense = (messages: readonly Message[]) =>
  anyMatches(messages, /LicenseKeyRequired|OemLicenseNotPassed|licen[cs]e.{0,40}(required|not)/i)

/** iDRAC's system lockdown mode: settings do not change until a person lifts it (libredfish dell.rs). */
export const saysLocked = (messages: readonly Message[]) => anyMatches(messages, /lock-?down/i)

/** The drive is taken: iLO, iBMC, iDRAC (VRM0012 and words), AMI (captured registry Ami.1.0.0). */
export const saysOccupied = (messages: readonly Message[]) =>
  anyMatches(
    messages,
    /MaxVirtualMediaConnectionEstablished|ConnectionOccupied|VRM0012|\bActionExist$|already (attached|inserted|connected|mounted|in use)/i,
  )
