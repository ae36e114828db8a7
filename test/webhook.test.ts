// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { openToken } from '../core/jobs/secrets.ts'
import { openSealer } from '../core/seal.ts'
import { readSetting } from '../core/store/settings.ts'
import { HOUR, MINUTE } from '../core/units.ts'
import { type RunningAppliance, startAppliance } from './harness.ts'
import { complete, post, ready } from './stage.ts'

/** A job whose machine never speaks by itself: the test is the machine. */
async function launched(set: readonly string[] = [], script = 'never-claim') {
  const stage = await ready({ script }, set)
  const id = await post(stage.running, stage.machine.serial)
  await stage.running.until(id, (job) => job.powered_on_at !== undefined)
  return { ...stage, id, token: await tokenOf(stage.running, id) }
}

/** The token as it stands on the task ISO. */
async function tokenOf(running: RunningAppliance, id: string): Promise<string> {
  const job = await running.appliance.jobs.get(id)
  if (!job) throw new Error('no job')
  return openToken(await openSealer(`${running.dataDir}/keys/seal.key`), job)
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
const claim = { nonce: 'nonce-number-1', boot_id: 'boot-1', serial: 'X' }

test('a claim is good once, and again for the same nonce', async () => {
  await using stage = await launched()
  const { running, id, token } = stage
  const path = `/api/v1/claim/${id}`
  const body = {
    ...claim,
    target_disk: { path: '/dev/sda', serial: 'D-1' },
    inventory: { memory_bytes: 17 },
  }
  expect((await running.send('POST', path, body, bearer(token))).status).toBe(200)
  expect((await running.send('POST', path, body, bearer(token))).status).toBe(200)
  const other = { ...body, nonce: 'nonce-number-2' }
  expect(await running.send('POST', path, other, bearer(token))).toMatchObject({
    status: 409,
    body: { code: 'job.claimed' },
  })
  const { body: machine } = await running.send('GET', `/api/v1/machines/${stage.machine.serial}`)
  expect(machine.inventory).toEqual({ memory_bytes: 17 })
})

test('a claim of another boot fails the job at once as restarted', async () => {
  await using stage = await launched()
  const { running, id, token } = stage
  await running.send('POST', `/api/v1/claim/${id}`, claim, bearer(token))
  const again = { ...claim, nonce: 'nonce-number-2', boot_id: 'boot-2' }
  const answer = await running.send('POST', `/api/v1/claim/${id}`, again, bearer(token))
  expect(answer).toMatchObject({ status: 409, body: { code: 'machine.restarted' } })
  expect(await running.until(id, complete)).toMatchObject({
    result: 'failed',
    failed_code: 'machine.restarted',
  })
  expect((await running.send('POST', `/api/v1/claim/${id}`, claim, bearer(token))).status).toBe(410)
})

test('a claim before the power-on step has ended is asked to come again', async () => {
  await using stage = await ready({ script: 'never-claim' })
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  const token = await tokenOf(running, id)
  const answer = await running.send('POST', `/api/v1/claim/${id}`, claim, bearer(token))
  expect(answer).toMatchObject({ status: 503, body: { code: 'job.not-yet' } })
  expect(answer.headers.get('retry-after')).toBe('5')
})

test('a report is delivered at least once and applied once', async () => {
  await using stage = await launched()
  const { running, id, token, machine } = stage
  const path = `/api/v1/status-webhook/${machine.serial}`
  const report = { status: 'SUCCESS', delivery_id: 'd-1' }
  const send = (body: object) => running.send('POST', path, body, bearer(token))
  expect((await send(report)).body).toEqual({ ok: true })
  expect((await send(report)).body).toEqual({ ok: true, idempotent: true, over: true })
  expect((await send({ status: 'failed', failed_step: 'late.service' })).body).toEqual({
    ok: true,
    over: true,
  })
  expect((await send({ status: 'progress', phase: 'writing' })).body).toEqual({
    ok: true,
    over: true,
  })
  expect(await running.until(id, complete, MINUTE)).toMatchObject({ result: 'succeeded' })
})

test('progress is shown, and holds the deadline of the report off', async () => {
  await using stage = await launched()
  const { running, id, token, machine } = stage
  await running.send('POST', `/api/v1/claim/${id}`, claim, bearer(token))
  const path = `/api/v1/status-webhook/${machine.serial}`
  for (let hour = 0; hour < 6; hour++) {
    running.clock.advance(3 * HOUR + 59 * MINUTE)
    const progress = {
      status: 'progress',
      phase: 'writing',
      step: 'image-linux.service',
      percent: hour,
    }
    expect((await running.send('POST', path, progress, bearer(token))).body).toEqual({ ok: true })
    await running.tick()
  }
  const { body } = await running.send('GET', `/api/v1/jobs/${id}`)
  expect(body).toMatchObject({
    status: 'provisioning',
    progress: { phase: 'writing', step: 'image-linux.service', percent: 5 },
  })
  running.clock.advance(4 * HOUR + MINUTE)
  expect(await running.until(id, complete)).toMatchObject({ failed_code: 'machine.silent' })
})

test.each([
  ['forward', 30 * 365 * 24 * HOUR],
  ['back', -30 * 365 * 24 * HOUR],
])('a clock that is set %s moves the deadlines with it', async (way, ms) => {
  await using stage = await launched([], 'not-booting')
  const { running, id, token } = stage
  await running.send('POST', `/api/v1/claim/${id}`, claim, bearer(token))
  running.clock.advance(3 * HOUR)
  running.clock.setBy(ms)
  await running.tick()
  // A start after a crash counts from here: the step is no time that the appliance was down.
  expect(await readSetting(running.appliance.db.read, 'alive_at')).toBe(running.clock.now())
  running.clock.advance(59 * MINUTE)
  await running.tick()
  const { body } = await running.send('GET', `/api/v1/jobs/${id}`)
  expect(body.status).toBe('provisioning')
  const lines = body.events.map(({ message }: { message: string }) => message)
  expect(lines).toContainEqual(expect.stringContaining(`this box was set ${way} by`))
  running.clock.advance(2 * MINUTE)
  expect(await running.until(id, complete)).toMatchObject({ failed_code: 'machine.silent' })
})

test('a failed report without a step is kept as unknown', async () => {
  await using stage = await launched()
  const { running, id, token, machine } = stage
  const path = `/api/v1/status-webhook/${machine.serial}`
  const headers = { Authorization: '', 'X-Webhook-Secret': token }
  await running.send('POST', path, { status: 'failed' }, headers)
  // It does not power itself off: after two minutes we do.
  expect(await running.until(id, complete, MINUTE)).toMatchObject({
    failed_step: 'unknown',
    failed_code: 'workflow.unknown',
  })
})

test('a machine that is not the one meant is reported under its own code', async () => {
  await using stage = await launched()
  const { running, id, token, machine } = stage
  const path = `/api/v1/status-webhook/${machine.serial}`
  const report = {
    status: 'failed',
    failed_step: 'machine.mismatch',
    message: 'DMI says S-2; accept it with `slipway machine alias add`',
  }
  await running.send('POST', path, report, bearer(token))
  expect(await running.until(id, complete, MINUTE)).toMatchObject({
    failed_step: 'machine.mismatch',
    failed_code: 'machine.mismatch',
    failed_reason: expect.stringContaining('alias add'),
  })
})

test.each([
  { name: 'no secret', headers: { Authorization: '' }, status: 401 },
  { name: 'a wrong secret', headers: bearer('wrong'), status: 401 },
  {
    name: 'the retired secret once it is gone',
    headers: { 'X-Webhook-Secret': 'gone' },
    status: 401,
  },
  { name: 'the new secret', headers: { 'X-Webhook-Secret': 'new-secret' }, status: 200 },
  { name: 'the old secret', headers: { 'X-Webhook-Secret': 'old-secret' }, status: 200 },
  {
    name: 'two secrets that differ',
    headers: { 'X-Webhook-Secret': 'new-secret', ...bearer('old-secret') },
    status: 401,
  },
])('a report with $name answers $status', async ({ headers, status }) => {
  await using stage = await launched(['webhook.secret=new-secret', 'webhook.secret_old=old-secret'])
  const { running, machine } = stage
  const path = `/api/v1/status-webhook/${machine.serial}`
  const quiet = { Authorization: '', ...headers }
  const answer = await running.send('POST', path, { status: 'progress' }, quiet)
  expect(answer.status).toBe(status)
})

test('a job’s token speaks for its own machine and no other', async () => {
  await using stage = await launched()
  const { running, token } = stage
  await running.send('POST', '/api/v1/machines', {
    serial: 'OTHER-1',
    bmc_url: 'https://192.0.2.7',
    username: 'root',
    password: 'secret',
  })
  const path = '/api/v1/status-webhook/OTHER-1'
  expect(await running.send('POST', path, { status: 'success' }, bearer(token))).toMatchObject({
    status: 403,
    body: { code: 'webhook.other-machine' },
  })
})

test('a machine may report under an alias', async () => {
  await using stage = await launched()
  const { running, id, token, machine } = stage
  await running.send('POST', `/api/v1/machines/${machine.serial}/aliases`, { alias: 'rack-3' })
  const path = '/api/v1/status-webhook/rack-3'
  expect((await running.send('POST', path, { status: 'success' }, bearer(token))).status).toBe(200)
  await running.until(id, complete, MINUTE)
})

test('a delivery survives a restart of the appliance', async () => {
  await using stage = await launched()
  const { running, token, machine } = stage
  const path = `/api/v1/status-webhook/${machine.serial}`
  const report = { status: 'success', delivery_id: 'd-9' }
  await running.send('POST', path, report, bearer(token))
  await running.stop()
  await using again = await startAppliance({ dataDir: running.dataDir, clock: running.clock })
  expect((await again.send('POST', path, report, bearer(token))).body).toEqual({
    ok: true,
    idempotent: true,
    over: true,
  })
})

test('the machine writes lines into the log of its job, until the job is over', async () => {
  await using stage = await launched()
  const { running, id, token } = stage
  const lines = { lines: ['mkfs.ext4: done', 'oras: pulled'], step: 'image-linux.service' }
  const path = `/api/v1/jobs/${id}/log`
  expect((await running.send('POST', path, lines, bearer('x'))).status).toBe(401)
  expect((await running.send('POST', path, lines, bearer(token))).body).toEqual({ ok: true })
  const { body } = await running.send('GET', path)
  expect(body.lines).toContainEqual(
    expect.objectContaining({ source: 'machine', message: 'oras: pulled' }),
  )
  await running.send('POST', `/api/v1/jobs/${id}/cancel`)
  expect((await running.send('POST', path, lines, bearer(token))).body).toMatchObject({
    over: true,
  })
})
