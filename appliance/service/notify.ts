// SPDX-License-Identifier: AGPL-3.0-or-later
import { dlopen, ptr } from 'bun:ffi'
import type { Logger } from '../../core/log.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Tells the service manager how we are (sd_notify(3)). Says nothing where there is none. */
export interface Notifier extends Disposable {
  ready(status: string): void
  stopping(): void
}

const AF_UNIX = 1
/** sys/socket.h on Linux: SOCK_DGRAM | SOCK_CLOEXEC. */
const SOCK_DGRAM_CLOEXEC = 0o2000002
/** MSG_NOSIGNAL: a manager that went away is no reason to die. */
const MSG_NOSIGNAL = 0x4000
/** `sun_path` of sockaddr_un (unix(7)). */
const LONGEST_PATH = 108

/** Neither Bun nor node:dgram has datagrams over Unix sockets, so libc is asked itself. */
const openLibc = () =>
  dlopen('libc.so.6', {
    socket: { args: ['int', 'int', 'int'], returns: 'int' },
    sendto: { args: ['int', 'ptr', 'u64', 'int', 'ptr', 'u32'], returns: 'i64' },
    close: { args: ['int'], returns: 'int' },
  })

let opened: ReturnType<typeof openLibc>['symbols'] | undefined

/** The address in the bytes of the kernel; `@name` is in the abstract name space. */
function addressOf(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path)
  if (!/^[/@]./.test(path) || bytes.length >= LONGEST_PATH) {
    throw new Error(`NOTIFY_SOCKET ${path} is no Unix socket`)
  }
  if (path.startsWith('@')) bytes[0] = 0
  const address = new Uint8Array(2 + bytes.length)
  new DataView(address.buffer).setUint16(0, AF_UNIX, true)
  address.set(bytes, 2)
  return address
}

/** Sends one datagram. Throws when nobody takes it. */
export function sendDatagram(path: string, text: string): void {
  const address = addressOf(path)
  const message = new TextEncoder().encode(text)
  opened ??= openLibc().symbols
  const libc = opened
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)
  if (socket < 0) throw new Error('the kernel gives no Unix socket')
  try {
    const sent = libc.sendto(
      ...([socket, ptr(message), message.length, MSG_NOSIGNAL, ptr(address)] as const),
      address.length,
    )
    if (Number(sent) !== message.length) throw new Error(`nobody listens at ${path}`)
  } finally {
    libc.close(socket)
  }
}

/** Half of what the manager waits, in ms; undefined when it does not, or waits for another process. */
function beatOf(env: Env): number | undefined {
  const us = Number(env['WATCHDOG_USEC'])
  const pid = env['WATCHDOG_PID']
  if (!Number.isFinite(us) || us <= 0 || (pid && Number(pid) !== process.pid)) return undefined
  return us / 1_000 / 2
}

/** By `NOTIFY_SOCKET` and `WATCHDOG_USEC` of the environment. A word that is not heard is logged once. */
export function createNotifier(env: Env, log: Logger): Notifier {
  const path = env['NOTIFY_SOCKET']
  let told = false
  const send = (text: string) => {
    if (!path) return
    try {
      sendDatagram(path, text)
    } catch (err) {
      if (!told) log.warn({ err }, 'the service manager could not be told')
      told = true
    }
  }
  let beat: ReturnType<typeof setInterval> | undefined
  return {
    ready(status) {
      send(`READY=1\nSTATUS=${status.replaceAll('\n', ' ')}`)
      const ms = beatOf(env)
      if (path && ms !== undefined) beat = setInterval(() => send('WATCHDOG=1'), ms)
    },
    stopping: () => send('STOPPING=1\nSTATUS=ends; jobs under way go on at the next start'),
    [Symbol.dispose]: () => clearInterval(beat),
  }
}
