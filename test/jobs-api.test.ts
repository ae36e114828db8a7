// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readServerEvents, type ServerEvent } from '../appliance/cli/server-events.ts'
import { type Answer, addSimulated, type RunningAppliance, startAppliance } from './harness.ts'
import { claimed, complete, loseController, post, ready } from './stage.ts'

const ids = (answer: Answer): string[] =>
  answer.body.jobs.map(({ job_id }: { job_id: string }) => job_id)

describe('the list', () => {
  let running: RunningAppliance
  let serials: readonly [string, string]
  /** Newest first: 5 jobs of the first machine, all canceled and all of one moment, then 2 of the second. */
  const jobs: string[] = []
  let stage: AsyncDisposable

  beforeAll(async () => {
    await using scope = new AsyncDisposableStack()
    running = scope.use(await startAppliance())
    const simulator = scope.use(
      await addSimulated(running, { personality: 'dell-r750' }, { personality: 'hpe-dl360' }),
    )
    const [first, second] = simulator.machines
    serials = [first.serial, second?.serial ?? '']
    await running.send('PATCH', `/api/v1/machines/${first.serial}`, { labels: { rack: 'r1' } })
    for (let n = 0; n < 5; n++) {
      const id = await post(running, first.serial)
      jobs.push(id)
      await running.send('POST', `/api/v1/jobs/${id}/cancel`)
    }
    running.clock.advance(1_000)
    jobs.push(await post(running, serials[1]))
    stage = scope.move()
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  const list = (query = '') => running.send('GET', `/api/v1/jobs${query}`)

  test('holds all, the newest first', async () => {
    const found = ids(await list())
    expect(found.toSorted()).toEqual(jobs.toSorted())
    expect(found[0]).toBe(jobs.at(-1) ?? '')
  })

  test.each([
    ['status=queued', 1],
    ['status=complete', 5],
    ['status=failed', 0],
    ['result=canceled', 5],
    ['result=succeeded', 0],
    ['label=rack=r1', 5],
    ['label=rack=r2', 0],
    ['label=rack=r1&status=queued', 0],
    ['limit=3', 3],
  ])('?%s gives %i', async (query, count) => {
    expect(ids(await list(`?${query}`))).toHaveLength(count)
  })

  test('of one machine is found by its serial or alias', async () => {
    await running.send('POST', `/api/v1/machines/${serials[1]}/aliases`, { alias: 'rack-9' })
    for (const name of [serials[1], 'rack-9']) {
      expect(ids(await list(`?serial=${name}`))).toEqual([jobs[5] ?? ''])
    }
  })

  test('goes on from page to page though all jobs began in one moment', async () => {
    const pages: string[][] = []
    let cursor: string | undefined
    do {
      const answer = await list(`?limit=2${cursor ? `&cursor=${cursor}` : ''}`)
      pages.push(ids(answer))
      cursor = answer.body.next_cursor
    } while (cursor)
    expect(pages.map((page) => page.length)).toEqual([2, 2, 2])
    expect(pages.flat()).toEqual(ids(await list()))
  })

  test('shows nothing of the log, and nothing sealed', async () => {
    const [job] = (await list()).body.jobs
    expect(job.events).toBeUndefined()
    expect(JSON.stringify(job)).not.toMatch(/sealed|digest|token/i)
  })

  test.each(['1', 'yes', 'TRUE', ''])('a dry run asked for as "%s" makes no job', async (word) => {
    const request = { server_serial: serials[0], recipe: {} }
    const answer = await running.send('POST', `/api/v1/jobs?dry_run=${word}`, request)
    expect(answer).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/dry_run/) },
    })
  })
})

interface Watcher extends AsyncDisposable {
  /** The next event, or undefined when the server has closed. */
  next(): Promise<ServerEvent | undefined>
  rest(): Promise<readonly ServerEvent[]>
}

/** Watches as a client does: over TLS, with the appliance's CA. */
async function watch(
  running: RunningAppliance,
  path: string,
  lastEventId?: string,
): Promise<Watcher> {
  const origin = running.listeners.open.find(({ name }) => name === 'api')?.url
  const going = new AbortController()
  const response = await fetch(`${origin}${path}`, {
    headers: {
      Authorization: `Bearer ${running.adminToken}`,
      ...(lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }),
    },
    tls: { ca: running.appliance.certificates.caPem },
    signal: going.signal,
  })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  if (!response.body) throw new Error('no stream')
  const events = readServerEvents(response.body)
  const next = async () => (await events.next()).value ?? undefined
  return {
    next,
    async rest() {
      const all: ServerEvent[] = []
      for (let event = await next(); event; event = await next()) all.push(event)
      return all
    },
    async [Symbol.asyncDispose]() {
      going.abort()
    },
  }
}

const of = (kind: string, events: readonly ServerEvent[]) =>
  events.filter(({ event }) => event === kind).map(({ data }) => JSON.parse(data))

const statuses = (events: readonly ServerEvent[]) => [
  ...new Set(of('job', events).map((job) => job.status)),
]

describe('watching', () => {
  test('tells the whole story in order, live, to all who watch, and ends', async () => {
    await using stage = await ready()
    const { running, machine } = stage
    const id = await post(running, machine.serial)
    const path = `/api/v1/jobs/${id}`
    await using one = await watch(running, `${path}/events`)
    await using two = await watch(running, `${path}/events`)
    await using follower = await watch(running, `${path}/log?follow=true`)
    const first = await one.next()
    expect(first).toMatchObject({ event: 'log' })

    const job = await running.until(id, complete)
    const story = [first ?? [], await one.rest()].flat()
    expect(story.at(-1)).toMatchObject({ event: 'end', data: '{}' })
    expect(of('log', story)).toEqual(job.events)
    expect(of('evidence', story)).toEqual(job.evidence)
    expect(statuses(story)).toEqual(['queued', 'provisioning', 'succeeded', 'complete'])
    expect(of('job', story).at(-1)).toMatchObject({ status: 'complete', result: 'succeeded' })

    const other = await two.rest()
    for (const kind of ['log', 'evidence']) expect(of(kind, other)).toEqual(of(kind, story))
    const lines = await follower.rest()
    expect(new Set(lines.map(({ event }) => event))).toEqual(new Set(['log', 'end']))
    expect(of('log', lines)).toEqual(job.events)

    // Those who come late get the same, and a cut connection goes on where it was cut.
    const late = await (await watch(running, `${path}/events`)).rest()
    expect(of('log', late)).toEqual(job.events)
    expect(of('evidence', late)).toEqual(job.evidence)
    expect(statuses(late)).toEqual(['complete'])
    const pieces = late.filter(({ event }) => event === 'log' || event === 'evidence')
    for (let cut = 0; cut < pieces.length; cut += 5) {
      const resumed = await (await watch(running, `${path}/events`, pieces[cut]?.id)).rest()
      expect(resumed.filter(({ event }) => event === 'log' || event === 'evidence')).toEqual(
        pieces.slice(cut + 1),
      )
    }
  })

  test('a connection that is cut while the job runs goes on without loss or repetition', async () => {
    await using stage = await ready()
    const { running, machine } = stage
    const id = await post(running, machine.serial)
    const path = `/api/v1/jobs/${id}/events`
    const heard: ServerEvent[] = []
    const ended = (async () => {
      for (;;) {
        await using watcher = await watch(running, path, heard.at(-1)?.id)
        for (let n = 0; n < 7; n++) {
          const event = await watcher.next()
          if (!event || event.event === 'end') return
          heard.push(event)
        }
      }
    })()
    const job = await running.until(id, complete)
    await ended
    expect(of('log', heard)).toEqual(job.events)
    expect(of('evidence', heard)).toEqual(job.evidence)
  })

  test('a job that lost its machine to another one ends for those who watch it', async () => {
    await using stage = await ready({ script: 'silent' }, ['redfish.retries=1'])
    const { running, machine } = stage
    const id = await post(running, machine.serial)
    await running.until(id, claimed)
    const lost = loseController(machine)
    await running.send('POST', `/api/v1/jobs/${id}/cancel`)
    await running.until(id, complete, 30_000)
    await using watcher = await watch(running, `/api/v1/jobs/${id}/events`)
    lost.back()
    await post(running, machine.serial)
    const [, story] = await Promise.all([running.tick(), watcher.rest()])
    expect(of('job', story).at(-1)).toMatchObject({ cleanup: 'superseded' })
    expect(story.at(-1)?.event).toBe('end')
  })

  test('a finished log is a list, for those who do not follow', async () => {
    await using stage = await ready()
    const { running, machine } = stage
    const id = await post(running, machine.serial)
    await running.send('POST', `/api/v1/jobs/${id}/cancel`, { reason: 'wrong rack' })
    const { body } = await running.send('GET', `/api/v1/jobs/${id}/log`)
    expect(body.lines).toMatchObject([
      { level: 'info', step: 'submit', source: 'appliance' },
      { level: 'warn', step: 'cancel', message: expect.stringContaining('wrong rack') },
    ])
  })
})
