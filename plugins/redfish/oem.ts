// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerActions, OemAnswer, OemClient, OemDeed } from '../../core/jobs/oem.ts'
import { told } from './answer.ts'
import type { Client, Note } from './client.ts'
import type { RedfishOptions } from './config.ts'
import { redfishFaults } from './faults.ts'
import { order } from './order.ts'
import { patch } from './patch.ts'
import { generalFault } from './refusal.ts'
import { awaitTask } from './task.ts'
import { waitFor } from './wait.ts'

/** The family's own verbs, and what they talk to the controller with. */
export interface OemParts {
  readonly actions: ControllerActions
  /** Requests that end with the signal. */
  readonly open: (signal: AbortSignal) => OemClient
}

export interface OemClientParts {
  readonly client: Client
  readonly finding: { readonly systemUri: string; readonly managerUris: readonly string[] }
  readonly note: Note
  readonly options: Pick<RedfishOptions, 'pollMs' | 'insertTimeoutMs' | 'rungPauseMs'>
}

const etagAt = async (client: Client, path: string, signal: AbortSignal) => {
  const answer = await client.look(path, signal)
  const inBody = (answer.body as { '@odata.etag'?: unknown } | undefined)?.['@odata.etag']
  return answer.header('etag')?.trim() || (typeof inBody === 'string' ? inBody : undefined)
}

/** Waits for the order's end. Throws the fault of the deed when it was refused. */
async function finish(
  { client, options }: OemClientParts,
  signal: AbortSignal,
  answer: OemAnswer,
  deed: OemDeed,
  what: string,
): Promise<void> {
  if (!answer.ok)
    throw generalFault(answer) ?? redfishFaults[deed](`${what} failed. ${told(answer)}.`)
  const plan = { pollMs: options.pollMs, limitMs: options.insertTimeoutMs }
  await awaitTask(client, answer, what, plan, signal)
}

/** What OEM actions get: the engine's own client, bound to one verb's signal. */
export const createOemClient =
  (parts: OemClientParts) =>
  (signal: AbortSignal): OemClient => {
    const { client, finding, note, options } = parts
    const { pollMs, insertTimeoutMs: timeoutMs } = options
    return {
      host: client.host,
      systemUri: finding.systemUri,
      managerUris: finding.managerUris,
      get: (path) => client.get(path, signal),
      look: (path) => client.look(path, signal),
      post: (path, body) =>
        order(parts, signal, () => client.send('POST', path, signal, { body, timeoutMs })),
      async patch(path, body) {
        const fresh = () => etagAt(client, path, signal)
        const target = { uri: path, etag: await fresh(), fresh }
        return patch(client, target, { body, timeoutMs }, signal)
      },
      finish: (answer, deed, what) => finish(parts, signal, answer, deed, what),
      waitFor: (limitMs, look) => waitFor({ pollMs, limitMs, signal }, look),
      note,
    }
  }
