// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { Hono } from 'hono'
import { createField } from '../../appliance/field.ts'
import { createHooks } from '../../core/hooks.ts'
import type { ApiEnv } from '../../core/http/env.ts'
import type { Job } from '../../core/jobs/job.ts'
import { createRegistry } from '../../core/metrics/registry.ts'
import type { Host } from '../../core/plugin.ts'
import { metrics } from './index.ts'

interface Family {
  readonly help: string
  readonly type: string
  /** Series as written, without white space. */
  readonly samples: Map<string, number>
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"'
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)?\\})? (\\S+)$`)
const NUMBER = /^(?:[+-]?Inf|NaN|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/

const toNumber = (text: string) => Number(text.replace('Inf', 'Infinity'))

/** Reads the text format 0.0.4 by its grammar; whatever does not fit throws. */
function parse(text: string): Map<string, Family> {
  expect(text === '' || text.endsWith('\n')).toBe(true)
  const families = new Map<string, Family>()
  let current: [name: string, family: Family] | undefined
  let help: string | undefined
  for (const line of text.split('\n').slice(0, -1)) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`).exec(line)
    if (comment?.[1] === 'HELP') {
      help = comment[3] ?? ''
      continue
    }
    if (comment) {
      const [, , name = '', type = ''] = comment
      if (families.has(name)) throw new Error(`${name} stands there twice`)
      if (!/^(counter|gauge|histogram)$/.test(type)) throw new Error(`unknown type in: ${line}`)
      current = [name, { help: help ?? '', type, samples: new Map() }]
      families.set(...current)
      continue
    }
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? []
    if (!NUMBER.test(value) || !current) throw new Error(`not a sample: ${line}`)
    const ending = current[1].type === 'histogram' ? '_(bucket|sum|count)' : ''
    if (!new RegExp(`^${current[0]}${ending}$`).test(name)) throw new Error(`astray: ${line}`)
    const series = `${name}{${labels}}`
    if (current[1].samples.has(series)) throw new Error(`twice: ${line}`)
    current[1].samples.set(series, toNumber(value))
  }
  return families
}

const STARTED = 1_000_000

async function start() {
  const hooks = createHooks()
  const jobs = { count: async () => [{ status: 'queued', count: 3 }] }
  const registry = createRegistry()
  metrics.setup({ hooks, jobs, metrics: registry, now: () => STARTED } as unknown as Host, {})
  const api = new Hono<ApiEnv>()
  hooks.routes.call({
    ...{ api, open: new Hono<ApiEnv>(), field: createField() },
    describe: () => undefined,
  })
  const scope = new AsyncDisposableStack()
  await hooks.start.promise(scope)
  return {
    hooks,
    change: (change: Partial<Job>) => hooks.changed.call({ ...QUEUED, ...change } as Job),
    get: () => api.request('/metrics'),
    async families() {
      return parse(await (await api.request('/metrics')).text())
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  }
}

const QUEUED = {
  id: 'job-1',
  status: 'queued',
  result: null,
  launches: 0,
  createdAt: STARTED + 1_000,
  updatedAt: STARTED + 1_000,
  poweredOnAt: null,
  claimedAt: null,
  reportedAt: null,
  completedAt: null,
} as Partial<Job>

const DONE = {
  ...QUEUED,
  status: 'complete',
  result: 'succeeded',
  launches: 1,
  poweredOnAt: STARTED + 21_000,
  claimedAt: STARTED + 81_000,
  reportedAt: STARTED + 681_000,
  completedAt: STARTED + 711_000,
} as const

const series = (family: Family | undefined) => Object.fromEntries(family?.samples ?? [])

describe('/metrics', () => {
  test('is text format 0.0.4, and every name begins with slipway_', async () => {
    await using appliance = await start()
    const answer = await appliance.get()
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const families = parse(await answer.text())
    expect([...families.keys()].filter((name) => !name.startsWith('slipway_'))).toEqual([])
    expect([...families.values()].filter(({ help }) => help === '')).toEqual([])
  })

  test('tells how the process is', async () => {
    await using appliance = await start()
    const families = await appliance.families()
    const value = (name: string) => [...(families.get(name)?.samples.values() ?? [])][0]
    expect(value('slipway_process_resident_memory_bytes')).toBeGreaterThan(1e7)
    expect(value('slipway_process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(value('slipway_process_start_time_seconds')).toBeLessThanOrEqual(Date.now() / 1_000)
    expect(value('slipway_event_loop_delay_seconds')).toBeGreaterThanOrEqual(0)
    const [build] = families.get('slipway_build_info')?.samples ?? []
    expect(build).toEqual([
      expect.stringMatching(/version="\d+\.\d+\.\d+",commit="\w+",bun="\d/),
      1,
    ])
  })

  test('counts the jobs of each status', async () => {
    await using appliance = await start()
    const families = await appliance.families()
    expect(series(families.get('slipway_jobs'))).toEqual({ 'slipway_jobs{status="queued"}': 3 })
  })

  test('a blocked event loop shows, and only once', async () => {
    await using appliance = await start()
    await Bun.sleep(60)
    for (const end = performance.now() + 120; performance.now() < end; );
    await Bun.sleep(60)
    const longest = async () =>
      (await appliance.families())
        .get('slipway_event_loop_delay_seconds')
        ?.samples.get('slipway_event_loop_delay_seconds{quantile="1"}') ?? 0
    expect(await longest()).toBeGreaterThan(0.08)
    expect(await longest()).toBeLessThan(0.08)
  })

  test('counts a job’s way once, however often its row changes', async () => {
    await using appliance = await start()
    appliance.change({})
    for (const launches of [0, 1, 1, 2]) appliance.change({ status: 'provisioning', launches })
    appliance.change({ ...DONE, status: 'succeeded', launches: 2, completedAt: null })
    for (let turn = 0; turn < 3; turn++) appliance.change({ ...DONE, launches: 2 })
    const families = await appliance.families()
    expect(series(families.get('slipway_job_status_changes_total'))).toEqual({
      'slipway_job_status_changes_total{status="queued"}': 1,
      'slipway_job_status_changes_total{status="provisioning"}': 1,
      'slipway_job_status_changes_total{status="succeeded"}': 1,
      'slipway_job_status_changes_total{status="complete"}': 1,
    })
    expect(series(families.get('slipway_job_results_total'))).toEqual({
      'slipway_job_results_total{result="succeeded"}': 1,
    })
    expect(series(families.get('slipway_job_launches_total'))).toEqual({
      'slipway_job_launches_total{}': 2,
    })
  })

  test('times a finished job and its phases', async () => {
    await using appliance = await start()
    appliance.change(DONE)
    const families = await appliance.families()
    const whole = families.get('slipway_job_duration_seconds')?.samples
    const at = (ending: string) => whole?.get(`slipway_job_duration_seconds_${ending}`)
    expect(at('sum{result="succeeded"}')).toBe(710)
    expect(at('bucket{result="succeeded",le="600"}')).toBe(0)
    expect(at('bucket{result="succeeded",le="1200"}')).toBe(1)
    expect(at('bucket{result="succeeded",le="+Inf"}')).toBe(1)
    const phases = series(families.get('slipway_job_phase_duration_seconds'))
    const sums = ['launch', 'boot', 'install', 'settle'].map(
      (phase) => phases[`slipway_job_phase_duration_seconds_sum{phase="${phase}"}`],
    )
    expect(sums).toEqual([20, 60, 600, 30])
  })

  test('what an earlier process counted is not counted again', async () => {
    await using appliance = await start()
    const old = { createdAt: 1, updatedAt: STARTED + 5, launches: 1 }
    appliance.change({ ...old, status: 'provisioning' })
    appliance.change({ ...DONE, id: 'job-2', createdAt: 1, reportedAt: 2, completedAt: 3 })
    const families = await appliance.families()
    expect(series(families.get('slipway_job_status_changes_total'))).toEqual({})
    expect(series(families.get('slipway_job_launches_total'))).toEqual({})
    expect(series(families.get('slipway_job_results_total'))).toEqual({})
    appliance.change({ ...old, status: 'failed', result: 'failed', reportedAt: STARTED + 9 })
    expect(series((await appliance.families()).get('slipway_job_status_changes_total'))).toEqual({
      'slipway_job_status_changes_total{status="failed"}': 1,
    })
  })

  test('counts sightings by level, and distinct bytes by slot', async () => {
    await using appliance = await start()
    const see = (slot: 'boot' | 'task', bytes: number, job = 'job-1') =>
      appliance.hooks.seen.call({ job, level: 'fetched', detail: '', slot, bytes })
    for (const bytes of [100, 250, 250]) see('boot', bytes)
    see('task', 7)
    see('boot', 40, 'job-2')
    see('boot', 30)
    appliance.hooks.seen.call({ job: 'job-1', level: 'claimed', detail: '' })
    const families = await appliance.families()
    expect(series(families.get('slipway_sightings_total'))).toEqual({
      'slipway_sightings_total{level="fetched"}': 6,
      'slipway_sightings_total{level="claimed"}': 1,
    })
    expect(series(families.get('slipway_media_distinct_bytes_total'))).toEqual({
      'slipway_media_distinct_bytes_total{slot="boot"}': 320,
      'slipway_media_distinct_bytes_total{slot="task"}': 7,
    })
  })
})

describe('the text format', () => {
  test('hostile labels and help stay inside their quotes and lines', () => {
    const registry = createRegistry()
    const hostile = 'a"} 1\n# TYPE b\\ counter'
    registry.counter('slipway_test_total', hostile).add({ name: hostile, other: '' })
    expect(series(parse(registry.render()).get('slipway_test_total'))).toEqual({
      'slipway_test_total{name="a\\"} 1\\n# TYPE b\\\\ counter",other=""}': 1,
    })
  })

  test('labels in another order are the same series', () => {
    const registry = createRegistry()
    const counter = registry.counter('slipway_test_total', 'x')
    counter.add({ a: '1', b: '2' })
    counter.add({ b: '2', a: '1' }, 4)
    expect([
      ...(parse(registry.render()).get('slipway_test_total')?.samples.values() ?? []),
    ]).toEqual([5])
  })

  test('numbers that are none, and very large and small ones', () => {
    const registry = createRegistry()
    const values = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1e300,
      1e-9,
      -0.5,
    ]
    registry.measured('slipway_test', 'x', 'gauge', () =>
      values.map((value, index) => ({ labels: { index: String(index) }, value })),
    )
    expect([...(parse(registry.render()).get('slipway_test')?.samples.values() ?? [])]).toEqual(
      values,
    )
  })

  test('buckets of a histogram grow, and the last is the count', () => {
    const registry = createRegistry()
    const histogram = registry.histogram('slipway_test_seconds', 'x', [1, 2, 4])
    for (const value of [0, 1, 1.5, 2, 3, 100]) histogram.observe({}, value)
    expect(series(parse(registry.render()).get('slipway_test_seconds'))).toEqual({
      'slipway_test_seconds_bucket{le="1"}': 2,
      'slipway_test_seconds_bucket{le="2"}': 4,
      'slipway_test_seconds_bucket{le="4"}': 5,
      'slipway_test_seconds_bucket{le="+Inf"}': 6,
      'slipway_test_seconds_sum{}': 107.5,
      'slipway_test_seconds_count{}': 6,
    })
  })
})
