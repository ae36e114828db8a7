// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { JobView } from '../../schemas/job.ts'
import { EXIT } from './exit.ts'
import {
  cleanEnvironment,
  eventStream,
  fakeApi,
  JOB,
  jobView,
  refusal,
  slipway,
  slipwayCommand,
} from './test-bed.ts'

const env = { SLIPWAY_TOKEN: 'token-1' }
const PATH = `GET /api/v1/jobs/${JOB}`
const at = (second: number) => `2026-03-01T10:00:${String(second).padStart(2, '0')}.000Z`
const progress = (percent: number, second: number) =>
  jobView({
    status: 'provisioning',
    progress: { phase: 'writing', step: 'image-linux.service', percent, bytes: 2 ** 20 },
    last_update: at(second),
  })
const ended = (change: Partial<JobView>) =>
  jobView({ status: 'complete', completed_at: at(40), last_update: at(40), ...change })

const watch = (url: string, ...more: string[]) =>
  slipway(['job', 'watch', JOB, '--url', url, ...more], { env })

test.each([
  ['succeeded', EXIT.ok],
  ['failed', EXIT.jobFailed],
  ['canceled', EXIT.jobCanceled],
] as const)('watching a job that %s ends with its own exit code', async (result, exit) => {
  using api = fakeApi({ [PATH]: () => ended({ result }) })
  expect((await watch(api.url)).code).toBe(exit)
})

test('piped, every change is a line with its time and its job', async () => {
  using api = fakeApi({
    [PATH]: () => jobView(),
    [`${PATH}/events`]: () =>
      eventStream([
        ['log', { time: at(1), level: 'info', message: 'powered off', step: 'redfish.power-off' }],
        ['evidence', { time: at(2), level: 'read', detail: 'kernel', slot: 'boot', percent: 40 }],
        ['job', progress(10, 3)],
        ['job', progress(11, 4)],
        ['job', progress(25, 5)],
        ['log', { time: at(6), level: 'warn', message: 'slow' }],
        [
          'job',
          ended({
            result: 'failed',
            failed_step: 'x.service',
            failed_reason: 'no disk; add one',
            cleanup: 'pending',
          }),
        ],
        ['end', {}],
      ]),
  })
  const { code, stdout, stderr } = await watch(api.url)
  const head = (second: number) => `${at(second)} ${JOB} XF-1`
  expect(stdout.trim().split('\n')).toEqual([
    `${head(0)} queued`,
    `${head(1)} redfish.power-off: powered off`,
    `${head(2)} read: kernel of boot (40 %)`,
    `${head(3)} provisioning: writing, image-linux.service, 10 %, 1.0 MiB`,
    `${head(5)} provisioning: writing, image-linux.service, 25 %, 1.0 MiB`,
    `${head(6)} warn: slow`,
    `${head(40)} complete: failed; x.service: no disk; add one; its cleanup is still pending`,
  ])
  expect(stderr).toBe('')
  expect(code).toBe(EXIT.jobFailed)
})

test.concurrent('a stream that is cut is taken up where it was, and nothing is told twice', async () => {
  const first = { time: at(1), level: 'info', message: 'first' }
  const second = { time: at(2), level: 'info', message: 'second' }
  using api = fakeApi({
    [PATH]: () => jobView({ events: [] }),
    [`${PATH}/events`]: (_, count) =>
      count === 1
        ? eventStream([['log', first]], 7)
        : eventStream(
            [
              ['log', first],
              ['log', second],
              ['job', ended({ result: 'succeeded' })],
            ],
            7,
          ),
  })
  const { code, stdout } = await watch(api.url)
  expect(code).toBe(EXIT.ok)
  expect(stdout.match(/first/g)).toHaveLength(1)
  expect(stdout.match(/second/g)).toHaveLength(1)
  const streams = api.requests.filter(({ path }) => path.endsWith('/events'))
  expect(streams.map(({ headers }) => headers.get('last-event-id'))).toEqual([null, '7'])
})

test.concurrent('without a stream the job is looked at again and again', async () => {
  const events = [{ time: at(1), level: 'info', message: 'first' }] as const
  using api = fakeApi({
    [PATH]: (_, count) =>
      count < 3 ? jobView({ events }) : ended({ result: 'succeeded', events }),
    [`${PATH}/events`]: () => refusal(404, 'not_found', 'x.y'),
  })
  const { code, stdout } = await watch(api.url)
  expect(code).toBe(EXIT.ok)
  expect(stdout.match(/first/g)).toHaveLength(1)
  expect(api.requests.filter(({ path }) => path.endsWith('/events'))).toHaveLength(1)
})

test.concurrent('an appliance that restarts meanwhile is waited for', async () => {
  using api = fakeApi({
    [PATH]: (_, count) =>
      count === 2
        ? refusal(503, 'unavailable', 'x.y')
        : count < 4
          ? jobView()
          : ended({ result: 'succeeded' }),
    [`${PATH}/events`]: () => eventStream([]),
  })
  const { code, stderr } = await watch(api.url)
  expect(code).toBe(EXIT.ok)
  expect(stderr).toBe('slipway: sentence of x.y; trying again\n')
})

test('with --json every line is a document', async () => {
  using api = fakeApi({
    'POST /api/v1/jobs': () => ({ ...jobView(), warnings: ['careful'] }),
    [PATH]: () => jobView(),
    [`${PATH}/events`]: () =>
      eventStream([
        ['log', { time: at(1), level: 'info', message: 'first' }],
        ['job', ended({ result: 'canceled' })],
      ]),
  })
  const create = ['job', 'create', '-f', '-', '--serial', 'XF-1', '--watch', '--json']
  const { code, stdout } = await slipway([...create, '--url', api.url], { env, stdin: '{}' })
  expect(code).toBe(EXIT.jobCanceled)
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.map(({ event, job_id }) => [event, job_id])).toEqual(
    ['accepted', 'job', 'log', 'job'].map((event) => [event, JOB]),
  )
})

test('a job that does not exist is not waited for', async () => {
  using api = fakeApi({ [PATH]: () => refusal(404, 'not_found', 'job.not-found') })
  expect((await watch(api.url)).code).toBe(EXIT.notFound)
})

test('of several jobs the worst decides', async () => {
  const other = JOB.replace('5b', '6c')
  using api = fakeApi({
    [PATH]: () => ended({ result: 'succeeded' }),
    [`GET /api/v1/jobs/${other}`]: () => ended({ job_id: other, result: 'failed' }),
  })
  const { code } = await slipway(['job', 'watch', JOB, other, '--url', api.url], { env })
  expect(code).toBe(EXIT.jobFailed)
})

test.concurrent('the log is printed, followed, and taken up again', async () => {
  const line = (second: number, message: string) => ({ time: at(second), level: 'info', message })
  using api = fakeApi({
    [PATH]: () => jobView(),
    [`${PATH}/log`]: ({ path }, count) => {
      if (!path.includes('follow'))
        return { lines: [{ ...line(1, 'one'), source: 'machine', step: 's' }] }
      return count === 2
        ? eventStream([['log', line(1, 'one')]], 3)
        : eventStream(
            [
              ['log', line(2, 'two')],
              ['end', {}],
            ],
            4,
          )
    },
  })
  const log = (...args: string[]) =>
    slipway(['job', 'log', JOB, ...args, '--url', api.url], { env })
  expect((await log()).stdout).toBe('2026-03-01 10:00:01 machine info s: one\n')
  const { code, stdout } = await log('--follow')
  expect({ code, stdout }).toEqual({
    code: EXIT.ok,
    stdout: '2026-03-01 10:00:01 info one\n2026-03-01 10:00:02 info two\n',
  })
  expect(api.requests.at(-1)?.headers.get('last-event-id')).toBe('3')
})

test('Ctrl-C ends the watching at once, with its own exit code', async () => {
  const open = Promise.withResolvers<void>()
  using api = fakeApi({
    [PATH]: () => jobView(),
    [`${PATH}/events`]: () => {
      open.resolve()
      return new Response(new ReadableStream({ pull: () => new Promise(() => {}) }), {
        headers: { 'content-type': 'text/event-stream' },
      })
    },
  })
  const child = Bun.spawn([...slipwayCommand, 'job', 'watch', JOB, '--url', api.url], {
    env: cleanEnvironment(env),
    stdout: 'pipe',
  })
  await open.promise
  child.kill('SIGINT')
  expect(await child.exited).toBe(EXIT.interrupted)
  // It ended by itself; the signal alone gives the same number.
  expect(child.signalCode).toBeNull()
})
