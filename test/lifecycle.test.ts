// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { HOUR, MINUTE } from '../core/units.ts'
import { type Answer, importMaintenance, linuxRecipe, startAppliance } from './harness.ts'
import { claimed, complete, loseController, post, ready } from './stage.ts'

const messages = (job: Answer['body']) =>
  job.events.map((event: { message: string }) => event.message)

test('a unit that fails on the machine is the failed step, and the machine stays off', async () => {
  await using stage = await ready({ script: 'fail-at=bootloader-linux.service' })
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  expect(await running.until(id, complete)).toMatchObject({
    result: 'failed',
    failed_step: 'bootloader-linux.service',
    failed_code: 'workflow.bootloader-linux',
    failed_reason: expect.stringContaining('slipway job log'),
    cleanup: 'done',
  })
  const state = machine.state()
  expect(state.power).toBe('Off')
  expect(state.drives.some((drive) => drive.occupied)).toBe(false)
  expect(state.override.enabled).toBe('Disabled')
})

test.each([
  {
    name: 'never claims',
    script: 'never-claim',
    code: 'machine.unclaimed',
    step: 'await-claim',
    launches: 1,
  },
  {
    name: 'hangs in its firmware',
    script: 'not-booting',
    code: 'redfish.not-booted',
    step: 'await-media',
    launches: 2,
  },
  {
    name: 'is silent after the claim',
    script: 'silent',
    code: 'machine.silent',
    step: 'await-report',
    launches: 1,
  },
  {
    name: 'crashes in the middle of the work',
    script: 'crash-at=image-linux.service',
    code: 'machine.restarted',
    step: 'claim',
    launches: 1,
  },
])('a machine that $name fails as $code', async ({ script, code, step, launches }) => {
  await using stage = await ready({ script })
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  const job = await running.until(id, complete, 2 * MINUTE)
  expect(job).toMatchObject({
    result: 'failed',
    failed_code: code,
    failed_step: step,
    launches,
    cleanup: 'done',
  })
  expect(job.failed_reason).toMatch(/console|boot mode/)
  expect(machine.state().power).toBe('Off')
})

test('a job is canceled in the queue before anything was touched', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const before = machine.state().power
  const id = await post(running, machine.serial)
  const answer = await running.send('POST', `/api/v1/jobs/${id}/cancel`, { reason: 'wrong rack' })
  expect(answer).toMatchObject({
    status: 200,
    body: { status: 'complete', result: 'canceled', cleanup: 'done' },
  })
  await running.tick()
  expect(machine.requests).toEqual([])
  expect(machine.state().power).toBe(before)
  expect((await running.send('POST', `/api/v1/jobs/${id}/cancel`)).status).toBe(200)
})

test('a job is canceled while the machine works: power off, media out, no power on', async () => {
  await using stage = await ready({ script: 'silent' })
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  await running.until(id, claimed)
  await running.send('POST', `/api/v1/jobs/${id}/cancel`)
  expect(await running.until(id, complete)).toMatchObject({ result: 'canceled', cleanup: 'done' })
  const state = machine.state()
  expect(state.power).toBe('Off')
  expect(state.drives.some((drive) => drive.occupied)).toBe(false)
})

test('a job is canceled in the middle of its launch: the next step does not begin', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  let canceled: Promise<Answer> | undefined
  machine.faults.add(async (asked, next) => {
    const outcome = await next()
    if (/InsertMedia$/.test(asked.path)) {
      canceled ??= running.send('POST', `/api/v1/jobs/${id}/cancel`)
      await canceled
    }
    return outcome
  })
  const job = await running.until(id, complete)
  expect(job).toMatchObject({ result: 'canceled', cleanup: 'done' })
  expect(messages(job).join()).not.toContain('redfish.power-on done')
  expect(machine.state().drives.some((drive) => drive.occupied)).toBe(false)
})

test('a finished job is not canceled', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  await running.until(id, complete)
  expect(await running.send('POST', `/api/v1/jobs/${id}/cancel`)).toMatchObject({
    status: 409,
    body: { error: 'conflict', code: 'conflict.finished' },
  })
})

test('a controller that can not be reached fails the job and leaves the power alone', async () => {
  await using stage = await ready({}, ['redfish.retries=1'])
  const { running, machine } = stage
  await running.send('PATCH', `/api/v1/machines/${machine.serial}`, {
    bmc_url: 'http://127.0.0.1:9',
  })
  const before = machine.state().power
  const id = await post(running, machine.serial)
  expect(await running.until(id, complete)).toMatchObject({
    result: 'failed',
    failed_step: 'redfish.connect',
    failed_code: 'redfish.unreachable',
    cleanup: 'done',
  })
  expect(machine.state().power).toBe(before)
})

test('a second job on a machine at work is refused, and taken once the first is over', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  const request = { server_serial: machine.serial, recipe: linuxRecipe }
  expect(await running.send('POST', '/api/v1/jobs', request)).toMatchObject({
    status: 409,
    body: { error: 'conflict', code: 'conflict.active_job', message: expect.stringContaining(id) },
  })
  await running.until(id, complete)
  await post(running, machine.serial)
})

test('a retry consents to the disk that was claimed and to no other', async () => {
  await using stage = await ready({ script: 'fail-at=image-linux.service' })
  const { running, machine } = stage
  const first = await post(running, machine.serial)
  await running.until(first, complete)
  machine.play('success')
  const retried = await running.send('POST', `/api/v1/jobs/${first}/retry`)
  expect(retried).toMatchObject({ status: 202, body: { retry_of: first } })
  const row = await running.appliance.jobs.get(first)
  const second = await running.until(retried.body.job_id, complete)
  expect(second).toMatchObject({ result: 'succeeded', retry_of: first })
  const again = await running.appliance.jobs.get(retried.body.job_id)
  expect(again?.claim?.disk).toEqual(row?.claim?.disk)
})

test('an idempotency key gives the same job again, and refuses another request', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const request = { server_serial: machine.serial, recipe: linuxRecipe }
  const headers = { 'Idempotency-Key': 'order-17' }
  const first = await running.send('POST', '/api/v1/jobs', request, headers)
  const second = await running.send('POST', '/api/v1/jobs', request, headers)
  expect([first.status, second.status]).toEqual([202, 200])
  expect(second.body.job_id).toBe(first.body.job_id)
  const other = { ...request, recipe: { ...linuxRecipe, notes: 'another' } }
  expect(await running.send('POST', '/api/v1/jobs', other, headers)).toMatchObject({
    status: 409,
    body: { code: 'conflict.idempotency' },
  })
})

test('a dry run tells the plan and makes nothing', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const request = { server_serial: machine.serial, recipe: linuxRecipe }
  const answer = await running.send('POST', '/api/v1/jobs?dry_run=true', request)
  expect(answer).toMatchObject({
    status: 200,
    body: {
      dry_run: true,
      media_plan: 'two-cd',
      files: expect.arrayContaining(['/recipe.json', '/job.json', '/user-data']),
    },
  })
  const writes = machine.requests.filter(
    ({ method, path }) => !['GET', 'HEAD'].includes(method) && !path.includes('Sessions'),
  )
  expect(writes).toEqual([])
  expect(machine.state().sessions).toBe(0)
  expect((await running.send('GET', '/api/v1/jobs')).body.jobs).toEqual([])
})

test('a protected machine refuses jobs', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  await running.send('PATCH', `/api/v1/machines/${machine.serial}`, { protected: true })
  const request = { server_serial: machine.serial, recipe: linuxRecipe }
  expect(await running.send('POST', '/api/v1/jobs', request)).toMatchObject({
    status: 409,
    body: { code: 'machine.protected' },
  })
})

test('a controller that is lost during cleanup leaves it pending, and it ends once it is back', async () => {
  await using stage = await ready({ script: 'silent' }, ['redfish.retries=1'])
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  await running.until(id, claimed)
  const lost = loseController(machine)
  await running.send('POST', `/api/v1/jobs/${id}/cancel`)
  const pending = await running.until(id, complete, 30_000)
  expect(pending).toMatchObject({ result: 'canceled', cleanup: 'pending' })
  const view = await running.send('GET', `/api/v1/machines/${machine.serial}`)
  expect(view.body).toMatchObject({ cleanup_pending: true })

  lost.back()
  const done = await running.until(id, (job) => job.cleanup === 'done', 30_000)
  expect(done).toMatchObject({ status: 'complete', result: 'canceled' })
  // Found on: its power is left alone, the media are out.
  expect(machine.state().power).toBe('On')
  expect(machine.state().drives.some((drive) => drive.occupied)).toBe(false)
})

test('a new job supersedes a cleanup that did not end', async () => {
  await using stage = await ready({ script: 'silent' }, ['redfish.retries=1'])
  const { running, machine } = stage
  const first = await post(running, machine.serial)
  await running.until(first, claimed)
  const lost = loseController(machine)
  await running.send('POST', `/api/v1/jobs/${first}/cancel`)
  await running.until(first, complete, 30_000)
  lost.back()
  machine.play('success')
  const second = await post(running, machine.serial)
  expect(await running.until(second, complete)).toMatchObject({ result: 'succeeded' })
  const old = await running.send('GET', `/api/v1/jobs/${first}`)
  expect(old.body).toMatchObject({ status: 'complete', result: 'canceled', cleanup: 'superseded' })
})

test('another appliance’s image is not pulled from under its machine', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  await using other = await startAppliance()
  await importMaintenance(other)
  await other.send('POST', '/api/v1/machines', {
    serial: machine.serial,
    bmc_url: machine.bmcUrl,
    username: machine.username,
    password: machine.password,
  })
  machine.play('silent')
  const theirs = await post(other, machine.serial)
  await other.until(theirs, claimed)

  const ours = await post(running, machine.serial)
  const job = await running.until(ours, complete)
  expect(job).toMatchObject({ result: 'failed', failed_code: 'redfish.in-use' })
  expect(job.failed_reason).toContain('take_over')
  expect(machine.state().power).toBe('On')
})

test('the transcript of a job holds the whole traffic with the controller, in order', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  await running.until(id, complete)
  const { body, headers } = await running.send('GET', `/api/v1/jobs/${id}/transcript`)
  expect(headers.get('content-type')).toBe('application/x-ndjson')
  const told = String(body)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const shape = (each: { method: string; path: string; status?: number | undefined }) =>
    `${each.method} ${each.path} ${each.status}`
  expect(told.map(shape).toSorted()).toEqual(machine.requests.map(shape).toSorted())
  const insert = told.find(({ path }) => path.endsWith('InsertMedia'))
  expect(insert.sent).toContain('/media/t/…/boot.iso')
  expect(told.some(({ answer }) => answer?.includes('PowerState'))).toBe(true)
})

test('a machine that stopped in its firmware comes with what was seen last and where to look', async () => {
  await using stage = await ready({ script: 'not-booting' })
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  const job = await running.until(id, complete, 2 * MINUTE)
  expect(job.diagnosis).toEqual({
    last_seen: expect.stringMatching(/(boot|task)\.iso/),
    usually_follows: expect.stringContaining('volume descriptor'),
    look_at: expect.stringContaining('boot'),
  })
})

test('history is removed after its time, with all that hangs on it', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  await running.until(id, complete)
  running.clock.advance(91 * 24 * HOUR)
  await running.appliance.runner.prune()
  expect((await running.send('GET', `/api/v1/jobs/${id}`)).status).toBe(404)
})
