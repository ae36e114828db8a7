// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the dispatcher does when media, answers and clocks are not as they should be. */
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from '../../core/certificates/test-bed.ts'
import { HOUR, MINUTE } from '../../core/units.ts'
import {
  type ScriptedAppliance,
  scriptedAppliance,
  type TestMachine,
  type TestMedium,
  testMachine,
  writeTestMedium,
} from './test-bed.ts'

/** A machine with a medium in a drive, and who answers it. */
async function stage(medium: TestMedium = {}, drive = 'sr1') {
  await using scope = new AsyncDisposableStack()
  const appliance = scope.use(scriptedAppliance())
  const machine = scope.use(await testMachine('MINE'))
  machine.units = [{ name: 'partition.service' }]
  const iso = join(machine.root, 'medium.iso')
  const insert = async (more: TestMedium, name: string) => {
    await writeTestMedium(iso, { ...more, job: { base_urls: [appliance.url], ...more.job } })
    await machine.insert(name, iso)
  }
  await insert(medium, drive)
  const held = scope.move()
  return { appliance, machine, insert, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

const reports = ({ calls }: ScriptedAppliance) =>
  calls.filter(({ path, body }) => path === '/report' && body.status !== 'progress')
const claims = ({ calls }: ScriptedAppliance) => calls.filter(({ path }) => path === '/claim')
const starts = ({ ran }: TestMachine) => ran.filter((line) => line.includes(' start '))
const offs = ({ ran }: TestMachine) => ran.filter((line) => line.endsWith('poweroff'))

test.each([
  ['a second CD', 'sr1', {}],
  ['a USB stick', 'sdz', {}],
  ['a partition of a USB stick', 'sdz1', {}],
  ['the folder /task of the boot medium', 'sr0', { folder: '/task', volumeId: 'MAINTENANCE' }],
])('the job is found on %s', async (_name, drive, medium) => {
  await using all = await stage(medium, drive)
  expect(await all.machine.dispatch()).toBe(0)
  expect(starts(all.machine)).toHaveLength(1)
  expect(reports(all.appliance).map(({ body }) => body.status)).toEqual(['success'])
})

test('a medium that comes late is waited for', async () => {
  await using all = await stage({}, 'sr7')
  const { machine } = all
  const late = join(machine.root, 'dev/late')
  await Bun.write(late, Bun.file(join(machine.root, 'dev/sr7')))
  await Bun.write(join(machine.root, 'dev/sr7'), '')
  let pauses = 0
  machine.onPause = async () => {
    pauses += 1
    if (pauses === 20) await Bun.write(join(machine.root, 'dev/sr7'), Bun.file(late))
  }
  expect(await machine.dispatch()).toBe(0)
  expect(reports(all.appliance)).toHaveLength(1)
})

test('media of other machines are passed over for the own one', async () => {
  await using all = await stage({ job: { serials: ['SOMEBODY'] } }, 'sr0')
  await all.insert({}, 'sr1')
  expect(await all.machine.dispatch()).toBe(0)
  expect(reports(all.appliance).map(({ body }) => body.status)).toEqual(['success'])
})

test('a medium that is mounted already is read where it is', async () => {
  await using all = await stage({}, 'sr1')
  const { machine, appliance } = all
  const iso = Bun.file(join(machine.root, 'dev/sr1'))
  expect(iso.size).toBeGreaterThan(0)
  await Bun.write(join(machine.root, 'dev/sr1'), '')
  const job = { schema: 'slipway.job/1', job_id: 'b1946ac9-2d1f-4f3a-8f66-0f2a4a1d7c11' }
  const urls = { base_urls: [appliance.url], claim_url: '/claim', report_url: '/report' }
  const rest = { serials: ['MINE'], token: 't', log_url: '/log' }
  await machine.file('/mnt/task/job.json', JSON.stringify({ ...job, ...urls, ...rest }))
  await machine.file('/mnt/task/recipe.schema.json', '{}')
  const recipe = { task_target: 'install-linux.target' }
  await machine.file('/mnt/task/recipe.json', JSON.stringify(recipe))
  // A Linux recipe without a disk: refused, so it was read.
  expect(await machine.dispatch()).toBe(14)
})

test.each([
  ['UUID', { serials: [], uuid: '12345678-1234-5678-9ABC-DEF012345678' }],
  ['UUID in the other byte order', { serials: [], uuid: '78563412-3412-7856-9abc-def012345678' }],
  ['serial in other letters', { serials: ['mine'] }],
  ['board serial', { serials: ['BOARD-1'] }],
])('the machine is known by its %s', async (_name, job) => {
  await using all = await stage({ job })
  await all.machine.file('/sys/class/dmi/id/board_serial', 'BOARD-1\n')
  expect(await all.machine.dispatch()).toBe(0)
  expect(claims(all.appliance)).toHaveLength(1)
})

test('a board that says nothing of itself is no machine of the job', async () => {
  await using all = await stage({ job: { serials: ['To Be Filled By O.E.M.', 'None'] } })
  const { machine, appliance } = all
  await machine.file('/sys/class/dmi/id/product_serial', 'To Be Filled By O.E.M.\n')
  await machine.file('/sys/class/dmi/id/board_serial', 'None\n')
  expect(await machine.dispatch()).toBe(0)
  expect(reports(appliance).map(({ body }) => body.failed_step)).toEqual(['machine.mismatch'])
})

interface Ending {
  readonly code: number
  readonly medium?: TestMedium
  readonly prepare?: (machine: TestMachine) => unknown
  readonly options?: Parameters<TestMachine['dispatch']>[0]
}

test.each<[string, Ending]>([
  ['there is no medium', { code: 10, prepare: (machine) => machine.eject('sr1') }],
  ['the medium is damaged', { code: 11, medium: { files: { 'job.json': '{"half' } } }],
  ['the schema is missing', { code: 12, medium: { files: { 'recipe.schema.json': undefined } } }],
  ['the recipe is missing', { code: 13, medium: { files: { 'recipe.json': undefined } } }],
  [
    'the recipe is not valid',
    { code: 14, medium: { recipe: { task_target: 'install-linux.target' } } },
  ],
  ['its folder can not be written', { code: 15, prepare: (machine) => machine.file('/run', 'x') }],
  [
    'systemd does not start the target',
    {
      code: 16,
      prepare: ({ instead }) =>
        instead.set('systemctl start', {
          code: 5,
          stdout: '',
          stderr: 'Unit x.service not found.',
        }),
    },
  ],
  [
    'it is not root',
    {
      code: 17,
      prepare: (machine) => {
        machine.isRoot = false
      },
    },
  ],
  [
    'the serial was to come from the environment',
    { code: 18, options: { serial: { source: 'env', envKey: 'NOT_THERE' } } },
  ],
])('the exit code says that %s', async (_name, { code, medium = {}, prepare, options = {} }) => {
  await using all = await stage(medium)
  await prepare?.(all.machine)
  expect({ code: await all.machine.dispatch(options), told: all.machine.told }).toMatchObject({
    code,
  })
  // Whoever can be told is told, once.
  const known = [12, 13, 14, 15, 16].includes(code)
  expect(reports(all.appliance).map(({ body }) => body.failed_step)).toEqual(
    known ? ['provision-dispatcher.service'] : [],
  )
  expect(all.machine.told.at(-1)).not.toBe('')
})

test.each([
  ['512 MiB', '480000', ['machine.memory-too-small']],
  ['1 GiB', '990000', [undefined]],
  ['nobody knows how much', '', [undefined]],
])('a machine with memory of %s begins only what it can end', async (_name, kilobytes, steps) => {
  await using all = await stage()
  const { machine, appliance } = all
  await machine.file('/proc/meminfo', kilobytes === '' ? '' : `MemTotal: ${kilobytes} kB\n`)
  expect(await machine.dispatch()).toBe(0)
  expect(reports(appliance).map(({ body }) => body.failed_step)).toEqual(steps)
  const begins = steps[0] === undefined ? 1 : 0
  expect([claims(appliance).length, starts(machine).length]).toEqual([begins, begins])
})

test('with --no-start only its folder is written', async () => {
  await using all = await stage({ files: { 'user-data': 'x', 'dispatcher.json': 'evil' } })
  const { machine, appliance } = all
  expect(await machine.dispatch({ noStart: true, target: 'other.target' })).toBe(0)
  expect(appliance.calls).toEqual([])
  expect(machine.ran).toEqual([])
  const folder = join(machine.root, '/run/provision')
  expect((await readdir(folder)).sort()).toEqual([
    ...['build-info.txt', 'disk.json', 'job.json', 'layout.json', 'recipe.env', 'recipe.json'],
    ...['recipe.schema.json', 'user-data'],
  ])
  expect(await readFile(join(folder, 'recipe.env'), 'utf8')).toContain('TASK_TARGET=other.target\n')
})

test('an appliance that nobody reaches is tried for half an hour, then nothing was written', async () => {
  await using all = await stage({
    job: { base_urls: ['http://127.0.0.1:9', 'http://127.0.0.1:11'] },
  })
  const { machine, appliance } = all
  const started = machine.now()
  let last = started
  let longest = 0
  machine.onPause = () => {
    longest = Math.max(longest, machine.now() - last)
    last = machine.now()
  }
  expect(await machine.dispatch()).toBe(0)
  expect(machine.now() - started).toBeGreaterThanOrEqual(30 * MINUTE)
  expect(machine.now() - started).toBeLessThan(32 * MINUTE)
  expect(longest).toBe(MINUTE)
  expect({ starts: starts(machine), offs: offs(machine).length }).toEqual({ starts: [], offs: 1 })
  expect(existsSync(join(machine.root, '/run/provision/recipe.env'))).toBe(false)
  expect(appliance.calls).toEqual([])
})

test('every address is tried, and the one that answers is kept', async () => {
  await using all = await stage({ job: { base_urls: [] } })
  const { machine, appliance } = all
  await all.insert({ job: { base_urls: ['http://127.0.0.1:9', `${appliance.url}/`] } }, 'sr1')
  expect(await machine.dispatch()).toBe(0)
  const folder = join(machine.root, '/run/provision')
  const env = await readFile(join(folder, 'recipe.env'), 'utf8')
  expect(env).toContain(`WEBHOOK_URL=${appliance.url}/report\n`)
  expect(JSON.parse(await readFile(join(folder, 'job.json'), 'utf8')).base_urls).toEqual([
    appliance.url,
    'http://127.0.0.1:9',
  ])
  expect(new Set(appliance.calls.map(({ authorization }) => authorization))).toEqual(
    new Set(['Bearer the-token']),
  )
})

test('a claim that comes too early is asked again when the appliance says', async () => {
  await using all = await stage()
  const { machine, appliance } = all
  appliance.answer = ({ path }, count) =>
    path === '/claim' && count < 4
      ? Response.json({ error: 'x' }, { status: 503, headers: { 'Retry-After': '5' } })
      : undefined
  const pauses: number[] = []
  let last = machine.now()
  machine.onPause = () => {
    pauses.push(machine.now() - last)
    last = machine.now()
  }
  expect(await machine.dispatch()).toBe(0)
  expect(pauses.slice(0, 3)).toEqual([5_000, 5_000, 5_000])
  const nonces = new Set(claims(appliance).map(({ body }) => body.nonce))
  expect({ claims: claims(appliance).length, nonces: nonces.size }).toEqual({
    claims: 4,
    nonces: 1,
  })
})

test('of two media of its own the second is taken when the first is refused', async () => {
  await using all = await stage({}, 'sr0')
  const { machine, appliance } = all
  const job_id = '00000000-2d1f-4f3a-8f66-0f2a4a1d7c11'
  await all.insert({ job: { job_id, claim_url: '/second' } }, 'sr1')
  appliance.answer = ({ path }) => {
    if (path === '/claim') return Response.json({}, { status: 410 })
    return path === '/second' ? Response.json({ ok: true, job_id }) : undefined
  }
  expect(await machine.dispatch()).toBe(0)
  expect({ starts: starts(machine).length, offs: offs(machine).length }).toEqual({
    starts: 1,
    offs: 1,
  })
  expect(reports(appliance)).toHaveLength(1)
})

test('a report is sent until it is answered, always the same, though the network was away for hours', async () => {
  await using all = await stage()
  const { machine, appliance } = all
  let refused = 0
  appliance.answer = ({ path, body }) => {
    if (path !== '/report' || body.status === 'progress') return undefined
    refused += 1
    return refused < 100 ? Response.json({}, { status: 502 }) : undefined
  }
  const started = machine.now()
  expect(await machine.dispatch()).toBe(0)
  expect(machine.now() - started).toBeGreaterThan(HOUR)
  expect(reports(appliance)).toHaveLength(100)
  expect(new Set(reports(appliance).map(({ body }) => body.delivery_id)).size).toBe(1)
  expect(offs(machine)).toHaveLength(1)
})

test('a report that nobody took outlives its dispatcher', async () => {
  await using all = await stage()
  const { machine, appliance } = all
  appliance.answer = ({ path, body }) =>
    path === '/report' && body.status !== 'progress'
      ? Response.json({}, { status: 502 })
      : undefined
  machine.onPause = () => {
    if (reports(appliance).length === 3) machine.killAt = 0
  }
  expect(await machine.dispatch()).toBe(20)
  machine.onPause = undefined
  machine.killAt = Number.POSITIVE_INFINITY
  appliance.answer = () => undefined
  expect(await machine.dispatch()).toBe(0)
  expect(new Set(reports(appliance).map(({ body }) => body.delivery_id)).size).toBe(1)
  expect(reports(appliance).at(-1)?.body).toMatchObject({ status: 'success' })
  expect(starts(machine)).toHaveLength(1)
})

test('a log that is full, and one that nobody takes, do not hold up the work', async () => {
  for (const status of [409, 500]) {
    await using all = await stage()
    const { machine, appliance } = all
    machine.units = [{ name: 'partition.service', looks: 5, journal: ['one', 'two'] }]
    appliance.answer = ({ path }) => (path === '/log' ? Response.json({}, { status }) : undefined)
    expect(await machine.dispatch()).toBe(0)
    expect(reports(appliance).map(({ body }) => body.status)).toEqual(['success'])
    // Full is full: it is not asked again.
    const tries = appliance.calls.filter(({ path }) => path === '/log').length
    expect(status === 409 ? tries === 1 : tries > 1).toBe(true)
  }
})

test('a dead clock is set to the time of the job before anything is asked', async () => {
  await using all = await stage({ job: { not_before: '2026-11-29T12:00:00.000Z' } })
  const { machine } = all
  machine.setClock(0)
  expect(await machine.dispatch()).toBe(0)
  expect(machine.ran[0]).toBe(`date --utc --set=@${Date.parse('2026-11-29T12:00:00Z') / 1_000}`)
  // And then to that of the appliance, which is later.
  expect(Math.abs(machine.now() - Date.now())).toBeLessThan(HOUR)
})

test('a clock that makes the certificate seem expired is set from the appliance itself', async () => {
  await using all = await stage()
  const { machine } = all
  // A certificate of long ago stands for a clock of far ahead.
  const past = Date.parse('2020-01-01T00:00:00Z')
  const certificates = await open(join(machine.root, 'keys'), past, ['127.0.0.1'])
  const date = 'Wed, 01 Jan 2020 00:00:30 GMT'
  const asked: string[] = []
  await using server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    tls: { key: certificates.key, cert: certificates.cert },
    fetch(request) {
      asked.push(`${request.method} ${new URL(request.url).pathname}`)
      return new Response('', { headers: { Date: date } })
    },
  })
  const job = {
    base_urls: [`https://127.0.0.1:${server.port}`],
    ca_pem: certificates.caPem,
    not_before: '2019-12-31T23:00:00.000Z',
  }
  await all.insert({ job }, 'sr1')
  expect(await machine.dispatch()).toBe(0)
  expect(machine.ran).toContain(`date --utc --set=@${Date.parse(date) / 1_000}`)
  // No token went to somebody who could not be judged yet.
  expect(new Set(asked)).toEqual(new Set(['HEAD /healthz']))
})
