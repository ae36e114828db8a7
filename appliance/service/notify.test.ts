// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createLog } from '../../core/log.ts'
import { freePort } from '../../test/process.ts'
import { createNotifier, sendDatagram } from './notify.ts'

/** A service manager: prints each datagram as a line of JSON. Bun itself has no such sockets. */
const MANAGER = `
import json, socket, sys
name = sys.argv[1]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\\0" + name[1:] if name[0] == "@" else name)
print("up", flush=True)
while True:
    print(json.dumps(manager.recv(65536).decode()), flush=True)
`
const python = Bun.which('python3')
const managed = python ? test : test.skip
const why = python ? '' : ' (skipped: there is no python3 to play the manager)'

interface Manager extends AsyncDisposable {
  readonly name: string
  /** The next word it heard. */
  heard(): Promise<string>
}

async function manager(abstract: boolean): Promise<Manager> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-notify-'))
  const name = abstract ? `@slipway-test-${crypto.randomUUID()}` : join(folder, 'notify')
  const child = Bun.spawn([python ?? '', '-c', MANAGER, name], {
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const lines = linesOf(child.stdout)
  expect((await lines.next()).value).toBe('up')
  return {
    name,
    heard: async () => JSON.parse((await lines.next()).value ?? '""'),
    async [Symbol.asyncDispose]() {
      child.kill()
      await child.exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true })
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      yield rest.slice(0, end)
      rest = rest.slice(end + 1)
    }
  }
}

managed.each([
  { kind: 'a path', abstract: false },
  { kind: 'an abstract name', abstract: true },
])(`a service manager at $kind hears ready, life and the end${why}`, async ({ abstract }) => {
  await using system = await manager(abstract)
  const env = { NOTIFY_SOCKET: system.name, WATCHDOG_USEC: '20000' }
  using notifier = createNotifier(env, createLog('silent'))
  notifier.ready('serves https://0.0.0.0:8443\nREADY=0')
  expect(await system.heard()).toBe('READY=1\nSTATUS=serves https://0.0.0.0:8443 READY=0')
  expect(await system.heard()).toBe('WATCHDOG=1')
  expect(await system.heard()).toBe('WATCHDOG=1')
  notifier[Symbol.dispose]()
  notifier.stopping()
  for (;;) {
    const word = await system.heard()
    if (word === 'WATCHDOG=1') continue
    expect(word).toStartWith('STOPPING=1\n')
    break
  }
})

managed(`a watchdog that watches another process gets no sign of life from us${why}`, async () => {
  await using system = await manager(false)
  const env = { NOTIFY_SOCKET: system.name, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }
  using notifier = createNotifier(env, createLog('silent'))
  notifier.ready('x')
  await Bun.sleep(20) // twenty signs of life would have gone out by now
  notifier.stopping()
  expect(await system.heard()).toStartWith('READY=1')
  expect(await system.heard()).toStartWith('STOPPING=1')
})

test('without a service manager nothing is said, and nothing is wrong', () => {
  const logged: string[] = []
  const log = createLog('debug', { write: (line) => void logged.push(line) })
  using notifier = createNotifier({ WATCHDOG_USEC: '1000' }, log)
  notifier.ready('x')
  notifier.stopping()
  expect(logged).toEqual([])
})

test('a manager that is not there is logged once', () => {
  const logged: string[] = []
  const log = createLog('debug', { write: (line) => void logged.push(line) })
  using notifier = createNotifier({ NOTIFY_SOCKET: '/nonexistent/notify' }, log)
  notifier.ready('x')
  notifier.stopping()
  expect(logged).toHaveLength(1)
  expect(logged[0]).toContain('nobody listens at /nonexistent/notify')
})

test.each(['', 'relative', 'vsock:2:1', `/${'x'.repeat(120)}`])(
  '%p is no socket to send to',
  (path) => {
    expect(() => sendDatagram(path, 'READY=1')).toThrow('is no Unix socket')
  },
)

managed(
  `\`slipway serve\` says when it is ready and when it ends${why}`,
  async () => {
    await using system = await manager(false)
    const data = await mkdtemp(join(tmpdir(), 'slipway-notify-'))
    const port = await freePort()
    const settings = [`https=127.0.0.1:${port}`, 'local=', 'bmc_http=127.0.0.1:0', 'bmc_https=']
    const main = resolve(import.meta.dir, '../main.ts')
    const set = settings.flatMap((each) => ['--set', `server.${each}`])
    const child = Bun.spawn([process.execPath, main, 'serve', '--data', data, ...set], {
      env: { PATH: process.env['PATH'], NOTIFY_SOCKET: system.name },
      ...{ stdout: 'ignore', stderr: 'inherit' },
    })
    try {
      expect(await system.heard()).toStartWith(`READY=1\nSTATUS=serves https://127.0.0.1:${port}`)
      child.kill('SIGTERM')
      expect(await system.heard()).toStartWith('STOPPING=1')
      expect(await child.exited).toBe(0)
    } finally {
      child.kill('SIGKILL')
      await rm(data, { recursive: true, force: true })
    }
  },
  20_000,
)
