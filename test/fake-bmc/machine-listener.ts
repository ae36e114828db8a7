// SPDX-License-Identifier: AGPL-3.0-or-later

/** What a machine said to the appliance. */
export interface MachineMessage {
  readonly path: string
  readonly authorization: string | null
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly body: any
}

/** The appliance as machines see it; disposing it breaks what connections there are. */
export interface MachineListener extends Disposable {
  readonly url: string
  readonly messages: readonly MachineMessage[]
  /** Claims, progress, final reports and lines for the log apart. */
  claims(): readonly MachineMessage[]
  progress(): readonly MachineMessage[]
  reports(): readonly MachineMessage[]
  logs(): readonly MachineMessage[]
}

/** Answers a message; undefined takes it with 200. */
export type ListenerRule = (message: MachineMessage, count: number) => Response | undefined

const isProgress = ({ body }: MachineMessage) => body.status === 'progress'

/** Stands where the appliance stands for machines, and keeps what they say. */
export function listenToMachines(
  rule: ListenerRule = () => undefined,
  tls?: { readonly key: string; readonly cert: string },
): MachineListener {
  const messages: MachineMessage[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    ...(tls && { tls }),
    async fetch(request) {
      const path = new URL(request.url).pathname
      const authorization = request.headers.get('authorization')
      const message = { path, authorization, body: await request.json() }
      const count = messages.filter((other) => other.path === path).length
      messages.push(message)
      return rule(message, count) ?? Response.json({ ok: true })
    },
  })
  const claims = () => messages.filter(({ path }) => path.includes('/claim/'))
  const told = () => messages.filter(({ path }) => path.includes('/status-webhook/'))
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`,
    messages,
    claims,
    progress: () => told().filter(isProgress),
    logs: () => messages.filter(({ path }) => path.endsWith('/log')),
    reports: () => told().filter((message) => !isProgress(message)),
    [Symbol.dispose]: () => void server.stop(true),
  }
}
