// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { createCertificates } from '../../core/certificates/certificates.ts'
import type { JobView } from '../../schemas/job.ts'
import { EXIT } from './exit.ts'
import { type FakeApi, fakeApi, JOB, jobView, temporaryFolder } from './test-bed.ts'
import { screenOf, TestTerminal } from './test-terminal.ts'

const env = { SLIPWAY_TOKEN: 'token-1' }
const PATH = `GET /api/v1/jobs/${JOB}`

/** An API whose event stream is written by the test, piece by piece. */
function watchedApi(first: JobView): { api: FakeApi; send(event: string, data: unknown): void } {
  const encoder = new TextEncoder()
  const stream = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>()
  const api = fakeApi({
    [PATH]: () => first,
    [`${PATH}/events`]: () =>
      new Response(new ReadableStream({ start: stream.resolve }), {
        headers: { 'content-type': 'text/event-stream' },
      }),
  })
  const send = async (event: string, data: unknown) =>
    (await stream.promise).enqueue(
      encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    )
  return { api, send }
}

const writing = (percent: number) =>
  jobView({
    status: 'provisioning',
    created_at: new Date().toISOString(),
    progress: { phase: 'writing', step: 'image-linux.service', percent },
  })
const failed = jobView({
  status: 'complete',
  result: 'failed',
  completed_at: '2026-03-01T10:02:13.000Z',
  failed_step: 'bootloader-linux.service',
  failed_reason: 'there is no EFI partition on the target disk; give the recipe one of type ef00',
})

test('a job is drawn in place, whatever the width, and left as it ended', async () => {
  const { api: server, send } = watchedApi(jobView())
  using api = server
  await using terminal = new TestTerminal(['job', 'watch', JOB, '--url', api.url], { env })
  await terminal.until(/queued/)
  send('log', { time: '2026-03-01T10:00:01Z', level: 'warn', message: 'slow BMC' })
  send('evidence', { time: '2026-03-01T10:00:02Z', level: 'read', detail: 'kernel', slot: 'boot' })
  send('job', writing(50))
  await terminal.until(/50 %/)
  const drawn = screenOf(terminal.written, 80)
  expect(drawn[0]).toBe('XF-1  warn: slow BMC')
  expect(drawn[1]).toMatch(
    /^XF-1 {2}provisioning {2}█{10}░{10} writing, image-linux.service, 50 % {2}\d+ s$/,
  )
  expect(drawn[2]).toBe(`  ${JOB}  read: kernel of boot`)
  expect(drawn.slice(3)).toEqual([''])

  terminal.resize(50, 24)
  await terminal.until(/ writing, image-linux\.s\w*… /)
  const narrow = terminal.written.slice(terminal.written.lastIndexOf('\x1b[J') + 3)
  expect(Math.max(...narrow.split('\n').map((line) => Bun.stringWidth(line)))).toBe(50)
  terminal.resize(80, 24)

  send('job', failed)
  expect(await terminal.ended()).toBe(EXIT.jobFailed)
  const [last = ''] = terminal.written.split('\x1b[J').slice(-1)
  expect(last).toContain('XF-1  \x1b[31mfailed\x1b[0m  bootloader-linux.service')
  // The sentence is cut in the picture, so it stands below it whole.
  expect(last).toContain(failed.failed_reason ?? '')
  expect(terminal.written.lastIndexOf('\x1b[?25h')).toBeGreaterThan(
    terminal.written.lastIndexOf('\x1b[?25l'),
  )
})

test.each([
  ['NO_COLOR takes the colour, not the picture', { NO_COLOR: '1' }, true],
  ['a terminal that cannot be drawn upon gets lines', { TERM: 'dumb' }, false],
])('%s', async (_, more, drawn) => {
  using api = fakeApi({ [PATH]: () => failed })
  await using terminal = new TestTerminal(['job', 'watch', JOB, '--url', api.url], {
    env: { ...env, ...more },
  })
  expect(await terminal.ended()).toBe(EXIT.jobFailed)
  expect(terminal.written).toContain('failed')
  expect(terminal.written).not.toMatch(/\p{Cc}\[\d+m/u)
  expect(terminal.written.includes('\x1b[J') || terminal.written.includes('\x1b[?25l')).toBe(drawn)
})

test('Ctrl-C leaves the terminal with its cursor', async () => {
  const { api: server } = watchedApi(jobView())
  using api = server
  await using terminal = new TestTerminal(['job', 'watch', JOB, '--url', api.url], { env })
  await terminal.until(/queued/)
  terminal.type('\x03')
  expect(await terminal.ended()).toBe(EXIT.interrupted)
  expect(terminal.written.lastIndexOf('\x1b[?25h')).toBeGreaterThan(
    terminal.written.lastIndexOf('\x1b[?25l'),
  )
})

test('a new password is typed twice and never shown', async () => {
  const user = { name: 'ada', role: 'viewer', groups: [], created_at: '2026-03-01T10:00:00Z' }
  using api = fakeApi({ 'POST /api/v1/users': () => user })
  const add = ['user', 'add', 'ada', '--url', api.url]
  await using good = new TestTerminal(add, { env })
  await good.until(/New password: /)
  good.type('canary-x\x7f1\r')
  await good.until(/Again: /)
  good.type('canary-1\r')
  expect(await good.ended()).toBe(EXIT.ok)
  expect(good.written).not.toContain('canary')
  expect(JSON.parse(api.requests[0]?.text ?? '')).toMatchObject({ password: 'canary-1' })

  await using other = new TestTerminal(add, { env })
  await other.until(/New password: /)
  other.type('canary-1\r')
  await other.until(/Again: /)
  other.type('canary-2\r')
  expect(await other.ended()).toBe(EXIT.usage)
  expect(other.written).toContain('differ')
  expect(api.requests).toHaveLength(1)
})

test('an unknown appliance is believed once a person said so, and remembered', async () => {
  await using folder = await temporaryFolder()
  const { key, cert, caPem, caFingerprint } = await createCertificates({
    dir: join(folder.path, 'keys'),
    now: Date.now,
    names: () => [],
    ownNames: () => ['127.0.0.1'],
  })
  using api = fakeApi(
    { 'GET /api/v1/jobs': () => ({ jobs: [] }), 'GET /api/v1/ca.pem': () => new Response(caPem) },
    { key, cert },
  )
  const options = { env: { ...env, XDG_CONFIG_HOME: join(folder.path, 'config') }, columns: 200 }
  const list = () => new TestTerminal(['job', 'list', '--url', api.url], options)
  const logins = () => api.requests.filter(({ headers }) => headers.has('authorization')).length

  await using no = list()
  await no.until(/Trust it from now on/)
  expect(no.written).toContain(caFingerprint)
  no.type('\r')
  expect(await no.ended()).toBe(EXIT.unreachable)
  expect(logins()).toBe(0)

  await using yes = list()
  await yes.until(/Trust it from now on/)
  yes.type('yes\r')
  expect(await yes.ended()).toBe(EXIT.ok)
  expect(logins()).toBe(1)

  await using again = list()
  expect(await again.ended()).toBe(EXIT.ok)
  expect(again.written).toBe('no jobs\r\n')
})
