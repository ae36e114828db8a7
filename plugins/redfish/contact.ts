// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import type { BmcWatch } from '../../core/jobs/bmc.ts'
import type { ControllerIdentity, ControllerProfile } from '../../core/jobs/controller.ts'
import { limit } from '../../core/limit.ts'
import type { Credentials, Machine } from '../../core/machines/machine.ts'
import { type Client, createClient, type Note, patiently } from './client.ts'
import type { RedfishOptions } from './config.ts'
import { type Connection, openConnection } from './connection.ts'
import { discover, type Finding, identityOf } from './discovery.ts'
import { createInfoReader, type InfoReader } from './drives.ts'
import { createExchange, type Exchange, type Recorder } from './exchange.ts'
import { redfishFaults } from './faults.ts'
import type { Gate } from './gate.ts'
import type { SessionLedger } from './ledger.ts'
import { createLogin, type Login } from './login.ts'
import { createRedactor } from './redact.ts'
import { type Root, readRoot, sessionsUriOf } from './root.ts'

/** What one contact is made from; gate and ledger are shared by all. */
export interface ContactParts {
  readonly machine: Machine
  readonly credentials: Credentials
  /** Keeps the fingerprint of the first contact. */
  readonly pin: (fingerprint: string) => Promise<void>
  readonly watch: BmcWatch
  readonly gate: Gate
  readonly ledger: SessionLedger
  readonly profileOf: (identity: ControllerIdentity) => ControllerProfile
  readonly options: RedfishOptions
  readonly now: () => number
}

/** A controller that we are connected to, logged in at, and have recognised. */
export interface Contact extends AsyncDisposable {
  readonly parts: ContactParts
  readonly connection: Connection
  readonly login: Login
  readonly client: Client
  readonly root: Root
  readonly finding: Finding
  readonly profile: ControllerProfile
  readonly info: InfoReader
  readonly note: Note
}

/** The service root, in little time: a controller that is gone must not be waited for as one that works. */
async function firstAnswer(
  { options, watch }: ContactParts,
  host: string,
  exchange: Exchange,
  signal: AbortSignal,
): Promise<Root> {
  using span = limit(options.contactTimeoutMs, signal)
  let failure: unknown
  const once = async () => {
    try {
      return await readRoot(exchange, span.signal)
    } catch (error) {
      // What the attempt before the last one met tells more than that the time was up.
      if (!span.signal.aborted) failure = error
      throw error
    }
  }
  try {
    const attempts = watch.hurried ? { ...options, retries: 1 } : options
    const root = await patiently(attempts, span.signal, once)
    watch.answered?.()
    return root
  } catch (cause) {
    if (!span.isOver) throw cause
    throw failure instanceof Fault
      ? failure
      : redfishFaults.timeout(
          `The BMC ${host} gave no answer within ${options.contactTimeoutMs / 1_000} s: check its address, and that Redfish is enabled there; a controller that hangs needs a restart.`,
          { cause },
        )
  }
}

/** Each step needs the one before: connection, root, login, system, profile. */
async function makeContact(parts: ContactParts, signal: AbortSignal): Promise<Contact> {
  const { machine, credentials, watch, options, ledger, gate, pin } = parts
  const redactor = createRedactor(credentials.password)
  const note: Note = (level, message) => watch.note(level, redactor.clean(message))
  await using scope = new AsyncDisposableStack()
  const { url, tls: policy } = machine.bmc
  const connection = scope.use(openConnection({ url, policy, pin, gate, options }))
  const { origin, host } = connection
  const record: Recorder = (came) => watch.exchanged?.({ at: parts.now(), ...came })
  const exchange = createExchange(connection, redactor, record)
  const root = await firstAnswer(parts, host, exchange, signal)
  const sessionsUri = sessionsUriOf(root)
  // Before the login nothing but the root is known.
  const { loginWith } = parts.profileOf(identityOf(root, undefined, [])).rules
  const opening = { exchange, origin, credentials, redactor, ledger, sessionsUri, loginWith, note }
  const login = createLogin(opening)
  scope.defer(async () => {
    using span = limit(options.requestTimeoutMs)
    await login.close(span.signal)
  })
  const client = createClient({ host, exchange, login, note, options })
  const finding = await discover(client, root, machine.bmc.systemUri, signal)
  const profile = parts.profileOf(finding.identity)
  const info = createInfoReader(client)
  const opened = scope.move()
  return {
    ...{ parts, connection, login, client, root, finding, profile, info, note },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Three slow answers: core gives the whole step of connecting three minutes. */
const SLOW_ANSWERS = 2.5

/** Connects, logs in and finds the machine's system. What was opened is closed when this throws. */
export async function openContact(parts: ContactParts): Promise<Contact> {
  const limitMs = parts.options.requestTimeoutMs * SLOW_ANSWERS
  using span = limit(limitMs)
  try {
    return await makeContact(parts, span.signal)
  } catch (cause) {
    if (!span.isOver || cause instanceof Fault) throw cause
    throw redfishFaults.timeout(
      `The BMC ${new URL(parts.machine.bmc.url).host} could not be opened within ${limitMs / 1_000} s: it may be overloaded or restarting.`,
      { cause },
    )
  }
}
