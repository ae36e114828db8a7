// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCertificates } from '../../core/certificates/certificates.ts'
import { EXIT } from './exit.ts'
import { fakeApi, JOB, jobView, piped, refusal, slipway, temporaryFolder } from './test-bed.ts'

const env = { SLIPWAY_TOKEN: 'token-1' }
const recipe = { task_target: 'install-linux.target', target_disk: '/dev/sda' }
const accepted = {
  job_id: JOB,
  status: 'queued',
  server_serial: 'XF-1',
  created_at: '2026-03-01T10:00:00Z',
  warnings: ['the disk is large'],
}
const machine = {
  serial: 'XF-1',
  aliases: [],
  bmc_url: 'https://10.0.0.5',
  username: 'root',
  tls: { mode: 'first-use' },
  labels: { rack: 'a12' },
  protected: false,
  created_at: '2026-03-01T10:00:00Z',
  updated_at: '2026-03-01T10:00:00Z',
}

test('a recipe becomes a job; warnings do not disturb the output', async () => {
  using api = fakeApi({ 'POST /api/v1/jobs': () => Response.json(accepted, { status: 202 }) })
  const create = ['job', 'create', '-f', '-', '--url', api.url]
  const flags = ['--serial', 'XF-1', '--idempotency-key', 'key-1', '--take-over']
  const stdin = JSON.stringify(recipe)
  const { code, stdout, stderr } = await slipway([...create, ...flags], { env, stdin })
  expect({ code, stdout, stderr }).toEqual({
    code: EXIT.ok,
    stdout: `job ${JOB} for XF-1 is queued\n`,
    stderr: 'warning: the disk is large\n',
  })
  const [request] = api.requests
  expect(JSON.parse(request?.text ?? '')).toEqual({
    recipe,
    server_serial: 'XF-1',
    take_over: true,
  })
  expect(request?.headers.get('idempotency-key')).toBe('key-1')
  expect(request?.headers.get('content-type')).toBe('application/json')

  const json = await slipway([...create, '--serial', 'XF-1', '--json'], { env, stdin })
  expect(JSON.parse(json.stdout)).toEqual(accepted)
})

test('a whole request is sent as it is; another machine than it names is refused', async () => {
  using api = fakeApi({ 'POST /api/v1/jobs': () => accepted })
  const create = ['job', 'create', '-f', '-', '--url', api.url]
  const stdin = JSON.stringify({ server_serial: 'XF-1', recipe })
  expect((await slipway(create, { env, stdin })).code).toBe(EXIT.ok)
  expect(JSON.parse(api.requests[0]?.text ?? '')).toEqual({ server_serial: 'XF-1', recipe })
  const other = await slipway([...create, '--serial', 'XF-2'], { env, stdin })
  expect(other.code).toBe(EXIT.usage)
  expect(api.requests).toHaveLength(1)
})

test('a dry run says what would be done', async () => {
  const view = {
    dry_run: true,
    server_serial: 'XF-1',
    task_target: 'install-linux.target',
    media_plan: 'two-cd',
    media_plan_reason: 'two drives boot',
    files: ['recipe.json', 'job.json'],
    warnings: ['old firmware'],
  }
  using api = fakeApi({ 'POST /api/v1/jobs': () => view })
  const create = ['job', 'create', '-f', '-', '--serial', 'XF-1', '--dry-run', '--url', api.url]
  const { code, stdout } = await slipway(create, { env, stdin: JSON.stringify(recipe) })
  expect(code).toBe(EXIT.ok)
  expect(api.requests[0]?.path).toBe('/api/v1/jobs?dry_run=true')
  expect(stdout).toContain('media plan   two-cd\nbecause      two drives boot\n')
  expect(stdout).toContain('warning: old firmware')
})

test.each([
  [
    'a file that is not there',
    ['-f', '/none.json', '--serial', 'X'],
    '',
    EXIT.failure,
    'no such file',
  ],
  [
    'what is no JSON',
    ['-f', '-', '--serial', 'X'],
    '{"secret": canary-1}',
    EXIT.failure,
    'standard input:1:12 is not valid JSON',
  ],
  ['a list', ['-f', '-', '--serial', 'X'], '[]', EXIT.failure, 'no JSON object'],
  ['no machine', ['-f', '-'], '{}', EXIT.usage, '--serial'],
  ['no file', ['--serial', 'X'], '', EXIT.usage, '-f FILE'],
])('%s does not become a job', async (_, args, stdin, exit, message) => {
  using api = fakeApi({})
  const line = ['job', 'create', '--url', api.url, ...args]
  const { code, stderr } = await slipway(line, { env, stdin })
  expect(code).toBe(exit)
  expect(stderr).toContain(message)
  expect(stderr).not.toContain('canary')
  expect(api.requests).toEqual([])
})

test('lists are read page by page up to the limit, filters included', async () => {
  const page = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => jobView({ server_serial: `XF-${from + at}` }))
  using api = fakeApi({
    'GET /api/v1/jobs': ({ path }) => {
      const query = new URLSearchParams(path.split('?')[1])
      const from = Number(query.get('cursor') ?? 0)
      const count = Number(query.get('limit'))
      return { jobs: page(from, count), next_cursor: String(from + count) }
    },
  })
  const list = ['job', 'list', '--url', api.url, '--limit', '150']
  const filters = ['--status', 'complete', '--label', 'rack=a12', '--label', 'row=1']
  const { stdout, stderr } = await slipway([...list, ...filters], { env })
  expect(stdout.trim().split('\n')).toHaveLength(151)
  expect(stdout).toContain('XF-149')
  expect(stderr).toContain('--all')
  expect(api.requests.map(({ path }) => path)).toEqual([
    '/api/v1/jobs?status=complete&label=rack%3Da12&label=row%3D1&limit=100',
    '/api/v1/jobs?status=complete&label=rack%3Da12&label=row%3D1&limit=50&cursor=100',
  ])
  const json = await slipway(['job', 'list', '--url', api.url, '--limit', '2', '--json'], { env })
  expect(JSON.parse(json.stdout)).toMatchObject({ jobs: [{}, {}], next_cursor: '2' })
})

test('a slow reader gets all of a long list, and one that goes away ends it quietly', async () => {
  const jobs = Array.from({ length: 1_000 }, () => jobView())
  using api = fakeApi({ 'GET /api/v1/jobs': () => ({ jobs }) })
  const list = ['job', 'list', '--url', api.url]
  const slow = await piped([...list, '--json'], 'sleep 0.3; cat')
  expect(slow.code).toBe(EXIT.ok)
  expect(JSON.parse(slow.stdout).jobs).toHaveLength(1_000)
  expect(await piped(list, 'exec <&-')).toEqual({ code: EXIT.brokenPipe, stdout: '', stderr: '' })
})

test('a job is shown with its failure, its media and its story in order of time', async () => {
  const job = jobView({
    status: 'complete',
    result: 'failed',
    failed_step: 'bootloader-linux.service',
    failed_code: 'workflow.bootloader-linux',
    failed_reason: 'no EFI partition; give one',
    media_plan: 'two-cd',
    media_plan_reason: 'two drives boot',
    media: [
      {
        slot: 'boot',
        name: 'boot.iso',
        drive: '/CD/1',
        url: 'http://10.0.0.1:8080/media/t/…/boot.iso',
        size_bytes: 2 ** 20,
        bytes_read: 2 ** 19,
      },
    ],
    completed_at: '2026-03-01T10:02:13Z',
    events: [
      { time: '2026-03-01T10:00:01Z', level: 'info', message: 'first', step: 'redfish.power-off' },
      { time: '2026-03-01T10:00:03Z', level: 'warn', message: 'third \x1b[2J' },
    ],
    evidence: [
      {
        time: '2026-03-01T10:00:02Z',
        level: 'read',
        detail: 'kernel',
        slot: 'boot',
        percent: 12.5,
      },
    ],
  })
  using api = fakeApi({
    'GET /api/v1/jobs': () => ({ jobs: [job] }),
    [`GET /api/v1/jobs/${JOB}`]: () => job,
  })
  const { code, stdout } = await slipway(['job', 'show', 'XF-1', '--url', api.url], { env })
  expect(code).toBe(EXIT.ok)
  expect(api.requests[0]?.path).toBe('/api/v1/jobs?serial=XF-1&limit=1')
  for (const line of [
    'failed       bootloader-linux.service (workflow.bootloader-linux): no EFI partition; give one',
    'media plan   two-cd: two drives boot',
    '  boot: boot.iso in /CD/1, 512 KiB of 1.0 MiB read',
    '  10:00:01  redfish.power-off: first\n  10:00:02  seen read: kernel of boot (12 %)\n  10:00:03  warn: third ?[2J',
  ]) {
    expect(stdout).toContain(line)
  }
  expect(stdout).toMatch(/completed {4}2026-03-01 10:02:13 \(.* ago\), after 2 min 13 s/)
})

test('a job is canceled with a reason, and retried', async () => {
  using api = fakeApi({
    [`POST /api/v1/jobs/${JOB}/cancel`]: () => jobView({ status: 'failed', result: 'canceled' }),
    [`POST /api/v1/jobs/${JOB}/retry`]: () => Response.json(accepted, { status: 202 }),
  })
  const cancel = ['job', 'cancel', JOB, '--reason', 'wrong rack', '--url', api.url]
  expect((await slipway(cancel, { env })).stdout).toBe(`job ${JOB} for XF-1 is canceled\n`)
  expect(JSON.parse(api.requests[0]?.text ?? '')).toEqual({ reason: 'wrong rack' })
  expect((await slipway(['job', 'retry', JOB, '--url', api.url], { env })).code).toBe(EXIT.ok)
})

test('a machine is added without its password on the command line', async () => {
  using api = fakeApi({ 'POST /api/v1/machines': () => Response.json(machine, { status: 201 }) })
  const add = ['machine', 'add', 'XF-1', '--bmc', 'https://10.0.0.5', '--bmc-user', 'root']
  const flags = ['--alias', 'A1', '--label', 'rack=a12', '--protect', '--bmc-insecure']
  const options = { env, stdin: 'pass word\n' }
  expect((await slipway([...add, ...flags, '--url', api.url], options)).code).toBe(EXIT.ok)
  expect(JSON.parse(api.requests[0]?.text ?? '')).toEqual({
    serial: 'XF-1',
    aliases: ['A1'],
    bmc_url: 'https://10.0.0.5',
    username: 'root',
    password: 'pass word',
    labels: { rack: 'a12' },
    protected: true,
    tls: { mode: 'insecure' },
  })
})

test('a machine is changed by what was given alone; an empty value takes away', async () => {
  using api = fakeApi({ 'PATCH /api/v1/machines/XF%2F1': () => machine })
  const set = ['machine', 'set', 'XF/1', '--unprotect', '--media-url', '', '--media-plan', 'auto']
  expect((await slipway([...set, '--url', api.url], { env })).code).toBe(EXIT.ok)
  expect(JSON.parse(api.requests[0]?.text ?? '')).toEqual({
    protected: false,
    media_base_url: null,
    media_plan: null,
  })
  const nothing = await slipway(['machine', 'set', 'XF-1', '--url', api.url], { env })
  expect(nothing.code).toBe(EXIT.usage)
})

test('a fleet is sent in the format of its file', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'fleet.csv')
  await writeFile(file, 'serial,bmc_url\nXF-1,https://10.0.0.5\n')
  using api = fakeApi({
    'POST /api/v1/machines/import': () => ({ added: ['XF-1'], updated: [], unchanged: [] }),
  })
  const { stdout } = await slipway(['machine', 'import', file, '--url', api.url], { env })
  expect(stdout).toBe('1 added, 0 updated, 0 unchanged\n')
  expect(api.requests[0]?.headers.get('content-type')).toBe('text/csv')
  expect(api.requests[0]?.text).toBe('serial,bmc_url\nXF-1,https://10.0.0.5\n')
})

test('a machine is not forgotten by accident', async () => {
  using api = fakeApi({
    'DELETE /api/v1/machines/XF-1': () => new Response(null, { status: 204 }),
  })
  const remove = ['machine', 'remove', 'XF-1', '--url', api.url]
  expect((await slipway(remove, { env })).code).toBe(EXIT.usage)
  expect(api.requests).toEqual([])
  const { stdout } = await slipway([...remove, '--yes', '--json'], { env })
  expect(JSON.parse(stdout)).toEqual({ removed: 'XF-1' })
})

test('aliases come and go', async () => {
  const known = { ...machine, aliases: ['A1'] }
  using api = fakeApi({
    'POST /api/v1/machines/XF-1/aliases': () => known,
    'DELETE /api/v1/machines/XF-1/aliases/A1': () => machine,
  })
  const alias = (...args: string[]) =>
    slipway(['machine', 'alias', ...args, '--url', api.url], { env })
  expect((await alias('add', 'XF-1', 'A1')).stdout).toBe('machine XF-1 is known as XF-1, A1\n')
  expect(JSON.parse(api.requests[0]?.text ?? '')).toEqual({ alias: 'A1' })
  expect((await alias('remove', 'XF-1', 'A1')).stdout).toBe('machine XF-1 is known as XF-1\n')
})

test('a user’s password comes from standard input', async () => {
  const user = {
    ...{ name: 'ada', role: 'operator', groups: ['imaging'] },
    created_at: '2026-03-01T10:00:00Z',
  }
  using api = fakeApi({
    'POST /api/v1/users': () => Response.json(user, { status: 201 }),
    'PATCH /api/v1/users/ada': () => user,
    'GET /api/v1/users': () => ({ users: [user] }),
  })
  const run = (line: string, stdin?: string) =>
    slipway([...line.split(' '), '--url', api.url], { env, ...(stdin ? { stdin } : {}) })
  expect((await run('user add ada --role operator', 'pass word\n')).code).toBe(EXIT.ok)
  expect((await run('user passwd ada', 'other one')).code).toBe(EXIT.ok)
  expect((await run('user change ada --group imaging --group ci')).stdout).toBe(
    'ada may log in as operator, in imaging\n',
  )
  expect((await run('user change ada --role viewer --no-groups')).code).toBe(EXIT.ok)
  expect(api.requests.map(({ text }) => JSON.parse(text))).toEqual([
    { name: 'ada', role: 'operator', password: 'pass word' },
    { password: 'other one' },
    { groups: ['imaging', 'ci'] },
    { role: 'viewer', groups: [] },
  ])
  expect((await run('user list')).stdout).toContain('ada   operator  imaging  2026-03-01 10:00:00')
  const nothing = await run('user add ada')
  expect(nothing.code).toBe(EXIT.usage)
})

test('the maintenance ISO arrives byte by byte, with its length, and digests are compared', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'maintenance.iso')
  const bytes = randomBytes(3 * 2 ** 20 + 17)
  await writeFile(file, bytes)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const view = {
    size_bytes: bytes.length,
    volume_id: 'MAINTENANCE',
    boot: ['efi'],
    imported_at: '2026-03-01T10:00:00Z',
    source: 'upload by admin',
  }
  let received = ''
  let length: string | null = null
  using api = fakeApi({
    'PUT /api/v1/maintenance': ({ bytes: body, headers }, count) => {
      received = createHash('sha256').update(body).digest('hex')
      length = headers.get('content-length')
      return { ...view, sha256: count === 1 ? sha256 : 'other' }
    },
  })
  const run = () => slipway(['maintenance', 'import', file, '--url', api.url], { env })
  const { code, stdout } = await run()
  expect(code).toBe(EXIT.ok)
  expect(stdout).toContain(`sha256    ${sha256}`)
  expect(received).toBe(sha256)
  expect(length as unknown).toBe(String(bytes.length))
  const damaged = await run()
  expect(damaged.code).toBe(EXIT.failure)
  expect(damaged.stderr).toContain('other bytes')
})

test('the CA is given away as PEM, its fingerprint beside it', async () => {
  await using folder = await temporaryFolder()
  const { caPem, caFingerprint } = await createCertificates({
    dir: join(folder.path, 'keys'),
    now: Date.now,
    names: () => [],
    ownNames: () => [],
  })
  using api = fakeApi({ 'GET /api/v1/ca.pem': () => new Response(caPem) })
  const plain = await slipway(['ca', 'export', '--url', api.url])
  expect(plain).toEqual({ code: 0, stdout: caPem, stderr: `SHA-256 ${caFingerprint}\n` })
  const file = join(folder.path, 'out.pem')
  const json = await slipway(['ca', 'export', '--url', api.url, '-o', file, '--json'])
  expect(JSON.parse(json.stdout)).toEqual({ ca_pem: caPem, fingerprint: caFingerprint })
  expect(await Bun.file(file).text()).toBe(caPem)
})

test('a recipe is checked without an appliance', async () => {
  const oci = `registry.example.com/os/debian@sha256:${'4d'.repeat(32)}`
  const good = {
    ...recipe,
    oci_url: oci,
    partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/' }],
  }
  const valid = await slipway(['recipe', 'validate', '-', '--json'], {
    stdin: JSON.stringify({ server_serial: 'XF-1', recipe: good }),
  })
  expect(valid.stderr).toBe('')
  expect(JSON.parse(valid.stdout)).toMatchObject({ valid: true, recipe: { oci_url: oci } })
  const bad = await slipway(['recipe', 'validate', '-'], {
    stdin: JSON.stringify({ ...good, target_dsk: 1 }),
  })
  expect(bad.code).toBe(EXIT.refused)
  expect(bad.stderr).toContain('target_dsk')
  expect(bad.stderr).toContain('did you mean `target_disk`?')
  const schema = await slipway(['recipe', 'schema'])
  expect(JSON.parse(schema.stdout)).toMatchObject({ type: 'object', required: ['task_target'] })
})

test('a wrong configuration is told whole, with an exit code', async () => {
  await using folder = await temporaryFolder()
  await writeFile(
    join(folder.path, 'slipway.toml'),
    '[servr]\nhtps = ":1"\n[limits]\nclaim_s = "x"\n',
  )
  const wrong = await slipway(['config', 'check'], { cwd: folder.path })
  expect(wrong.code).toBe(EXIT.failure)
  expect(wrong.stderr).toBe(
    'slipway: the configuration has 2 problems (slipway.toml); nothing was started\n' +
      '  unknown key `servr.htps` at slipway.toml:2:1; did you mean `server.https`?\n' +
      '  `limits.claim_s` at slipway.toml:4:1: expected a number, got a string\n',
  )
  const json = await slipway(['config', 'check', '--json'], { cwd: folder.path })
  expect(JSON.parse(json.stdout)).toMatchObject({ code: 'config.invalid', details: [{}, {}] })
  const serve = await slipway(['serve'], { cwd: folder.path })
  expect(serve.code).toBe(EXIT.failure)
  const good = await slipway(['config', 'check'], { env: { SLIPWAY_LOG_LEVEL: 'warn' } })
  expect(good).toMatchObject({ code: EXIT.ok, stderr: '' })
})

test('an error of the API inside a machine’s name cannot be mixed up with the path', async () => {
  using api = fakeApi({ 'GET /api/v1/machines/..%2Fjobs': () => refusal(404, 'not_found', 'x.y') })
  const { code } = await slipway(['machine', 'show', '../jobs', '--url', api.url], { env })
  expect(code).toBe(EXIT.notFound)
  expect(api.requests[0]?.path).toBe('/api/v1/machines/..%2Fjobs')
})
