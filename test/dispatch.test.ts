// SPDX-License-Identifier: AGPL-3.0-or-later
/** The dispatcher on a machine whose files are real, against a real appliance over TLS. */
import { expect, test } from 'bun:test'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestMachine, type TestUnit, testMachine } from '../appliance/dispatcher/test-bed.ts'
import { linuxRecipe, type RunningAppliance } from './harness.ts'
import { complete, post, ready } from './stage.ts'

/** Submits a job and powers its machine on. */
async function launch(running: RunningAppliance, serial: string, recipe: object = {}) {
  const id = await post(running, serial, { recipe: { ...linuxRecipe, ...recipe } })
  await running.until(id, (job) => job.powered_on_at !== undefined)
  return id
}

/** A job that was launched, and the machine that now boots its media. */
async function booted(recipe: object = {}) {
  await using scope = new AsyncDisposableStack()
  const stage = scope.use(await ready({ script: 'not-booting' }))
  const { running } = stage
  const { serial } = stage.machine
  const id = await launch(running, serial, recipe)
  const machine = scope.use(await testMachine(serial))
  await machine.insert('sr1', join(running.dataDir, 'task-isos', `${id}.iso`))
  const open = scope.move()
  return { running, serial, id, machine, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

const starts = (machine: TestMachine) => machine.ran.filter((line) => line.includes(' start '))
const offs = (machine: TestMachine) => machine.ran.filter((line) => line.endsWith('poweroff'))

test('a machine takes its job, works, reports and powers off', async () => {
  await using stage = await booted({ env: { Extra: 'a "b" $c' } })
  const { running, machine, id, serial } = stage
  machine.units = machine.units.map((unit) => ({ ...unit, journal: [`${unit.name} at work`] }))
  expect(await machine.dispatch()).toBe(0)

  const job = await running.until(id, complete, 30_000)
  expect(job).toMatchObject({ result: 'succeeded', cleanup: 'done' })
  expect(job.progress).toMatchObject({ phase: 'finishing', percent: 100 })
  expect(starts(machine)).toEqual(['systemctl start --no-block install-linux.target'])
  expect(offs(machine)).toEqual(['systemctl --no-block poweroff'])

  const { body: known } = await running.send('GET', `/api/v1/machines/${serial}`)
  expect(known.inventory).toMatchObject({
    memory_bytes: 16 * 1_024 ** 3,
    disks: [{ path: '/dev/sda', serial: 'DISK-1', size_bytes: 8 * 1_024 ** 3 }],
  })
  const { body: log } = await running.send('GET', `/api/v1/jobs/${id}/log`)
  const lines = log.lines.filter((line: { source: string }) => line.source === 'machine')
  for (const { name } of machine.units) {
    expect(lines).toContainEqual(
      expect.objectContaining({ step: name, message: `${name} at work`, level: 'info' }),
    )
  }
})

test('the tools of the target find what the contract names', async () => {
  await using stage = await booted({ env: { Extra: 'a "b" $c' } })
  const { machine, serial } = stage
  await machine.dispatch()
  const folder = join(machine.root, '/run/provision')
  const env = (await readFile(join(folder, 'recipe.env'), 'utf8')).trimEnd().split('\n')
  expect(env.map((line) => line.split('=')[0])).toEqual([
    ...['DISPATCHER_VERSION', 'EXTRA', 'FIRMWARE_URL', 'OCI_URL', 'SCHEMA_ID', 'SCHEMA_VERSION'],
    ...['SERIAL_NUMBER', 'TARGET_DISK', 'TASK_TARGET', 'WEBHOOK_SECRET', 'WEBHOOK_URL'],
    ...['WIM_INDEX', 'WORKFLOW_STARTED_AT'],
  ])
  expect(env).toContain('EXTRA="a \\"b\\" \\$c"')
  expect(env).toContain('TARGET_DISK=/dev/sda')
  expect(env).toContain(`SERIAL_NUMBER=${serial}`)
  expect(env.join('\n')).toMatch(
    /WEBHOOK_URL=https:\/\/127\.0\.0\.1:\d+\/api\/v1\/status-webhook\//,
  )
  expect(await readFile(join(folder, 'user-data'), 'utf8')).toBe(linuxRecipe.user_data)
  expect(JSON.parse(await readFile(join(folder, 'layout.json'), 'utf8'))).toHaveLength(2)
  const modes = await Promise.all(
    ['', 'recipe.env', 'job.json', 'recipe.json', 'user-data'].map(
      async (name) => (await stat(join(folder, name))).mode & 0o777,
    ),
  )
  expect(modes).toEqual([0o700, 0o644, 0o600, 0o600, 0o600])
})

const failing = (unit: Partial<TestUnit>): readonly TestUnit[] => [
  { name: 'partition.service' },
  { name: 'image-linux.service', ...unit },
  { name: 'bootloader-linux.service' },
]

test.each([
  ['ends with a status', { result: 'exit-code', status: 3 }, 'ended with status 3'],
  ['takes too long', { result: 'timeout' }, 'took longer than it may'],
  ['has no image', { result: 'exit-code', status: 125 }, 'its image or a setting is missing'],
  [
    'says why in its news',
    {
      result: 'exit-code',
      status: 1,
      journal: ['something else'],
      news: [{ step: 'image-linux.service', failed: 'the disk is full: make / larger' }],
    },
    'the disk is full: make / larger',
  ],
  [
    'says why in its last line',
    { result: 'exit-code', status: 1, journal: ['tar: no space left on device'] },
    'tar: no space left on device',
  ],
])('one report blames the unit that %s', async (_name, unit, reason) => {
  await using stage = await booted()
  const { running, machine, id } = stage
  machine.units = failing(unit)
  const news = 'news' in unit ? unit.news : []
  const rows = news.map((row) => `${JSON.stringify(row)}\n`).join('')
  await machine.file('/run/provision/progress.jsonl', rows)
  expect(await machine.dispatch()).toBe(0)
  const job = await running.until(id, complete, 30_000)
  expect(job).toMatchObject({
    result: 'failed',
    failed_step: 'image-linux.service',
    failed_code: 'workflow.image-linux',
    failed_reason: expect.stringContaining(reason),
  })
  const reports = job.evidence.filter((one: { level: string }) => one.level === 'reported')
  expect(reports).toHaveLength(1)
  expect(offs(machine)).toHaveLength(1)
})

const GiB = 1_024 ** 3

test.each([
  [
    'there is no such disk',
    { target_disk: { serial: 'OTHER' } },
    [{ path: '/dev/sda', sizeBytes: 8 * GiB, serial: 'DISK-1' }],
    'machine.disk-not-found',
    'serial DISK-1',
  ],
  [
    'two disks match',
    { target_disk: { min_size: '1G' } },
    [
      { path: '/dev/sda', sizeBytes: 8 * GiB, serial: 'DISK-1' },
      { path: '/dev/sdb', sizeBytes: 8 * GiB, serial: 'DISK-2' },
    ],
    'machine.disk-ambiguous',
    'DISK-2',
  ],
  [
    'the disk is in use',
    {},
    [{ path: '/dev/sda', sizeBytes: 8 * GiB, mounted: ['/srv'] }],
    'machine.disk-in-use',
    '/srv',
  ],
  [
    'the disk has partitions',
    {},
    [{ path: '/dev/sda', sizeBytes: 8 * GiB, serial: 'D', partitions: ['/dev/sda1'] }],
    'machine.disk-not-empty',
    'partition /dev/sda1',
  ],
  [
    'the disk is too small',
    {},
    [{ path: '/dev/sda', sizeBytes: GiB / 4 }],
    'machine.disk-too-small',
    'larger disk',
  ],
  [
    'the disk is another than the one that may be erased',
    { overwrite: { disk_serial: 'OTHER' } },
    [{ path: '/dev/sda', sizeBytes: 8 * GiB, serial: 'DISK-1' }],
    'machine.disk-not-empty',
    'overwrite allows the disk with serial OTHER',
  ],
])('nothing is claimed or started when %s', async (_name, recipe, disks, code, words) => {
  await using stage = await booted(recipe)
  const { running, machine, id } = stage
  await machine.plug(...disks)
  expect(await machine.dispatch()).toBe(0)
  const job = await running.until(id, complete, 30_000)
  expect(job).toMatchObject({ result: 'failed', failed_step: code, failed_code: code })
  expect(job.failed_reason).toContain(words)
  expect(job.evidence.map((one: { level: string }) => one.level)).not.toContain('claimed')
  expect(starts(machine)).toEqual([])
  expect(offs(machine)).toHaveLength(1)
})

test('a medium of another machine is reported with what DMI says and the remedy', async () => {
  await using stage = await booted()
  const { running, machine, id, serial } = stage
  await machine.file('/sys/class/dmi/id/product_serial', 'SOMEBODY-ELSE\n')
  expect(await machine.dispatch()).toBe(0)
  const job = await running.until(id, complete, 30_000)
  expect(job).toMatchObject({ result: 'failed', failed_code: 'machine.mismatch' })
  expect(job.failed_reason).toContain(`slipway machine alias add ${serial} SOMEBODY-ELSE`)
  expect(starts(machine)).toEqual([])
})

test('a machine whose job was canceled meanwhile writes nothing and powers off', async () => {
  await using stage = await booted()
  const { running, machine, id } = stage
  await running.send('POST', `/api/v1/jobs/${id}/cancel`, {})
  expect(await machine.dispatch()).toBe(0)
  expect(starts(machine)).toEqual([])
  expect(offs(machine)).toHaveLength(1)
  expect(await running.until(id, complete, 30_000)).toMatchObject({ result: 'canceled' })
})

test('a job that is canceled while its machine works is stopped there', async () => {
  await using stage = await booted()
  const { running, machine, id } = stage
  machine.units = [{ name: 'partition.service' }, { name: 'image-linux.service', looks: 1_000 }]
  let pauses = 0
  machine.onPause = async () => {
    pauses += 1
    if (pauses === 5) await running.send('POST', `/api/v1/jobs/${id}/cancel`, {})
  }
  expect(await machine.dispatch()).toBe(0)
  const stop = machine.ran.find((line) => line.startsWith('systemctl stop'))
  expect(stop).toBe('systemctl stop install-linux.target partition.service image-linux.service')
  expect(offs(machine)).toHaveLength(1)
  expect(await running.until(id, complete, 30_000)).toMatchObject({ result: 'canceled' })
})

test('a dispatcher that is killed at any moment goes on, starts nothing twice and reports once', async () => {
  await using stage = await booted()
  const { running, machine, serial } = stage
  let { id } = stage
  const work = [{ name: 'partition.service' }, { name: 'image-linux.service' }]
  let points = 0
  for (let killAt = 1; ; killAt += 1) {
    await machine.reboot(work)
    machine.killAt = killAt
    const code = await machine.dispatch()
    machine.killAt = Number.POSITIVE_INFINITY
    if (code !== 20) break
    points += 1
    expect(await machine.dispatch()).toBe(0)
    const job = await running.until(id, complete, 30_000)
    expect({ killAt, result: job.result, starts: starts(machine).length }).toEqual({
      ...{ killAt, result: 'succeeded', starts: 1 },
    })
    const reports = job.evidence.filter((one: { level: string }) => one.level === 'reported')
    expect(reports).toHaveLength(1)
    id = await launch(running, serial)
    await machine.insert('sr1', join(running.dataDir, 'task-isos', `${id}.iso`))
  }
  expect(points).toBeGreaterThan(10)
}, 60_000)

test('a maintenance OS without the target is told before anything is claimed', async () => {
  await using stage = await booted()
  const { running, machine, id } = stage
  machine.target = 'other.target'
  expect(await machine.dispatch()).toBe(16)
  const job = await running.until(id, complete, 30_000)
  expect(job).toMatchObject({ result: 'failed', failed_step: 'provision-dispatcher.service' })
  expect(job.failed_reason).toContain('has no install-linux.target')
})

test('an inspection claims no disk, starts its target, and leaves the inventory', async () => {
  await using stage = await ready({ script: 'not-booting' })
  const { running } = stage
  const { serial } = stage.machine
  const lan = { match: { macaddress: '52:54:00:00:00:01' }, addresses: ['10.0.2.15/24'] }
  const recipe = { task_target: 'inspect.target', network: { ethernets: { lan } } }
  const request = { server_serial: serial, recipe }
  const { body } = await running.send('POST', '/api/v1/jobs', request)
  await running.until(body.job_id, (job) => job.powered_on_at !== undefined)
  await using machine = await testMachine(serial)
  machine.target = 'inspect.target'
  machine.units = []
  await machine.insert('sr1', join(running.dataDir, 'task-isos', `${body.job_id}.iso`))
  expect(await machine.dispatch()).toBe(0)
  expect(await running.until(body.job_id, complete, 30_000)).toMatchObject({ result: 'succeeded' })
  expect(starts(machine)).toEqual(['systemctl start --no-block inspect.target'])
  const job = await running.appliance.jobs.get(body.job_id)
  expect(job?.claim?.disk).toBeUndefined()
  const { body: known } = await running.send('GET', `/api/v1/machines/${serial}`)
  expect(known.inventory.disks).toHaveLength(1)
})

test('a simulated machine is inspected too, and its disk is as it was', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const before = machine.state().disk
  const request = { server_serial: machine.serial, recipe: { task_target: 'inspect.target' } }
  const { body } = await running.send('POST', '/api/v1/jobs', request)
  expect(await running.until(body.job_id, complete)).toMatchObject({ result: 'succeeded' })
  expect(machine.state().disk).toEqual(before)
})
