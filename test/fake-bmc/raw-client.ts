// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  type MachineSpec,
  type RunningMachine,
  type SimulatorOptions,
  startSimulator,
} from '../../plugins/simulator/index.ts'

/** What came back; `body` is undefined when nothing did. */
export interface RawReply {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly body: any
}

/** What is sent besides method and path. */
export interface RawRequest {
  /** Sent as JSON; a text goes as it is. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Default: the machine's own account by Basic authentication. */
  readonly login?: false
}

/** Talks to one controller with nothing in between: no retries, no redirects. */
export function rawClient({ bmcUrl, username, password }: RunningMachine) {
  const authorization = `Basic ${btoa(`${username}:${password}`)}`
  return async (method: string, path: string, request: RawRequest = {}): Promise<RawReply> => {
    const { body, headers, login } = request
    const response = await fetch(bmcUrl + path, {
      method,
      redirect: 'manual',
      headers: { ...(login !== false && { authorization }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      // The certificates of simulators are their own.
      tls: { rejectUnauthorized: false },
    })
    const text = await response.text()
    const json = text === '' ? undefined : JSON.parse(text)
    return { status: response.status, headers: response.headers, body: json }
  }
}

/** The id of the first message in an error body, without its registry. */
export const messageId = ({ body }: RawReply): string =>
  String(body?.error?.['@Message.ExtendedInfo']?.[0]?.MessageId ?? '')

/** One simulated machine and a client of its controller. */
export interface OpenMachine extends AsyncDisposable {
  readonly machine: RunningMachine
  readonly send: ReturnType<typeof rawClient>
}

/** Starts a simulator of one machine. */
export async function openMachine(
  spec: MachineSpec,
  options: Partial<SimulatorOptions> = {},
): Promise<OpenMachine> {
  const simulator = await startSimulator({ machines: [spec], ...options })
  const [machine] = simulator.machines
  if (!machine) throw new Error('the simulator has no machine')
  return {
    machine,
    send: rawClient(machine),
    [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
  }
}
