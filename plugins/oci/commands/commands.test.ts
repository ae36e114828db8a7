// SPDX-License-Identifier: AGPL-3.0-or-later
/** `slipway oci …` as a process, against an API that the test plays. */
import { describe, expect, test } from 'bun:test'
import { fakeApi, refusal, slipway, temporaryFolder } from '../../../appliance/cli/test-bed.ts'

const env = { SLIPWAY_TOKEN: 'token-1' }
const A = `sha256:${'a'.repeat(64)}`
const B = `sha256:${'b'.repeat(64)}`
const AT = '2026-03-01T10:00:00.000Z'
const NAME = '/api/v1/oci/repositories/os%2Fdebian'

const run = (url: string, ...args: string[]) => slipway(['oci', ...args, '--url', url], { env })

const task = (change: object = {}) => ({
  ...{ id: 'task-1', kind: 'gc', state: 'running', by: 'admin', started_at: AT },
  progress: { done: 1, total: 3, unit: 'repositories', at: 'os/debian' },
  ...change,
})
const gcReport = {
  ...{ kind: 'gc', dry_run: true, started_at: AT, ended_at: AT },
  ...{ manifests: 1, tags: 0, links: 0, blobs: 2, uploads: 0, repositories: 1 },
  ...{ reclaimable_bytes: 3_145_728, truncated: false },
  items: [{ kind: 'blob', name: A, size_bytes: 3_145_728, why: 'no manifest needs it' }],
}
const repository = {
  ...{ name: 'os/debian', tags: 2, manifests: 2, blobs: 5, size_bytes: 5_368_709_120 },
  ...{ created_at: AT, pushed_at: AT },
}

describe('what there is', () => {
  test('ls shows repositories, page by page, and takes a pattern', async () => {
    using api = fakeApi({
      'GET /api/v1/oci/repositories': (_, count) =>
        count === 1
          ? { repositories: [repository], next_cursor: 'c' }
          : { repositories: [{ ...repository, name: 'tools/x' }] },
    })
    const { code, stdout } = await run(api.url, 'ls')
    expect(code).toBe(0)
    expect(stdout).toBe(
      [
        'REPOSITORY  TAGS  SIZE     PUSHED',
        'os/debian   2     5.0 GiB  2026-03-01 10:00:00',
        'tools/x     2     5.0 GiB  2026-03-01 10:00:00',
        '',
      ].join('\n'),
    )
    expect(api.requests.map(({ path }) => path)).toEqual([
      '/api/v1/oci/repositories?limit=100',
      '/api/v1/oci/repositories?limit=100&cursor=c',
    ])
    expect((await run(api.url, 'ls', 'tools/*')).stdout).not.toContain('debian')
  })

  test('ls --digests is one sorted line a tag, to compare two registries by', async () => {
    const tag = { media_type: 'x', size_bytes: 1, pushed_at: AT, immutable: false }
    using api = fakeApi({
      'GET /api/v1/oci/repositories': () => ({ repositories: [repository] }),
      [`GET ${NAME}/tags`]: () => ({
        repository: 'os/debian',
        tags: [
          { ...tag, tag: '13', digest: B },
          { ...tag, tag: '12', digest: A },
        ],
      }),
    })
    const { stdout } = await run(api.url, 'ls', '--digests')
    expect(stdout).toBe(`os/debian:12@${A}\nos/debian:13@${B}\n`)
    const tags = await run(api.url, 'tags', 'os/debian')
    expect(tags.stdout).toContain(`13   ${B}  1 B   2026-03-01 10:00:00`)
  })

  test('what is not there ends with 3, in the words of the API', async () => {
    using api = fakeApi({
      [`GET ${NAME}/tags`]: () => refusal(404, 'not_found', 'oci-care.not-found'),
    })
    const { code, stderr } = await run(api.url, 'tags', 'os/debian')
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: 'slipway: sentence of oci-care.not-found\n  request request-1\n',
    })
  })
})

describe('a tag', () => {
  const entry = { at: AT, by: 'ada', action: 'push', present: true }
  test('has a log, and is rolled back to an entry of it', async () => {
    using api = fakeApi({
      [`GET ${NAME}/tags/13/history`]: () => ({
        ...{ repository: 'os/debian', tag: '13' },
        entries: [
          { ...entry, seq: 2, from: A, to: B },
          { ...entry, seq: 1, to: A, present: false },
        ],
      }),
      [`POST ${NAME}/tags/13/rollback`]: () => ({
        ...{ repository: 'os/debian', tag: '13', digest: A, previous_digest: B, entry: 3 },
      }),
    })
    const log = await run(api.url, 'tag', 'log', 'os/debian:13')
    expect(log.stdout.split('\n').slice(1, 3)).toEqual([
      `2      2026-03-01 10:00:00  push  ${B}  ada`,
      `1      2026-03-01 10:00:00  push  ${A}  ada  collected`,
    ])
    const back = await run(api.url, 'tag', 'rollback', 'os/debian:13', '--to', '1')
    expect(back.stdout).toBe(`os/debian:13 points at ${A}, no longer at ${B}\n`)
    expect(JSON.parse(api.requests[1]?.text ?? '')).toEqual({ to: 1 })
    await run(api.url, 'tag', 'rollback', 'os/debian:13')
    expect(JSON.parse(api.requests[2]?.text ?? '')).toEqual({})
  })
})

describe('long work', () => {
  test('is followed to its end; a dry run says what would go', async () => {
    using api = fakeApi({
      'POST /api/v1/oci/gc': () => Response.json(task(), { status: 202 }),
      'GET /api/v1/oci/tasks/task-1': (_, count) =>
        count % 2 === 1 ? task({ state: 'paused' }) : task({ state: 'done', result: gcReport }),
    })
    const { code, stdout } = await run(api.url, 'gc', '--dry-run', '--grace', '0')
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `  blob  ${A}  3.0 MiB  no manifest needs it\nwould take 1 manifest, 2 blobs, 1 empty repository: 3.0 MiB\n`,
    })
    expect(JSON.parse(api.requests[0]?.text ?? '')).toEqual({ dry_run: true, grace_seconds: 0 })
    const json = await run(api.url, 'gc', '--dry-run', '--json')
    expect(JSON.parse(json.stdout)).toEqual(gcReport)
  })

  test('is left to itself when asked so', async () => {
    using api = fakeApi({ 'POST /api/v1/oci/rebuild': () => task({ kind: 'rebuild' }) })
    const { stdout } = await run(api.url, 'rebuild', '--yes', '--no-wait')
    expect(stdout).toBe('rebuild runs as task task-1\n')
    expect(api.requests).toHaveLength(1)
  })

  test('that failed says why and ends with 1', async () => {
    using api = fakeApi({
      'POST /api/v1/oci/rescan': () =>
        task({ kind: 'rescan', state: 'failed', error: 'the disk is full' }),
    })
    const { code, stderr } = await run(api.url, 'rescan', 'os/debian')
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'rescan failed: the disk is full\n' })
    expect(JSON.parse(api.requests[0]?.text ?? '')).toEqual({ repository: 'os/debian' })
  })

  test('a check that leaves damage ends with 1, so that scripts notice', async () => {
    const finding = { id: 'f', kind: 'content', digest: A, detail: 'other bytes', found_at: AT }
    const result = {
      ...{ kind: 'check', checked: 9, checked_bytes: 2_048, bad: 1, repaired: 0 },
      ...{ findings: [{ ...finding, quarantined: true }], truncated: false },
    }
    using api = fakeApi({
      'POST /api/v1/oci/fsck': () => task({ kind: 'fsck', state: 'done', result }),
      'POST /api/v1/oci/scrub': () =>
        task({ kind: 'scrub', state: 'done', result: { ...result, bad: 0, findings: [] } }),
    })
    const { code, stdout } = await run(api.url, 'fsck', '--no-content')
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: `  content  ${A}  other bytes  quarantined\n9 checked (2 KiB), 1 damaged, 0 mended\n`,
    })
    expect(JSON.parse(api.requests[0]?.text ?? '')).toEqual({ content: false })
    expect((await run(api.url, 'scrub')).code).toBe(0)
  })
})

describe('rules', () => {
  test('retention comes from a file, and a plan of it touches nothing', async () => {
    await using folder = await temporaryFolder()
    const rules = { rules: [{ repositories: 'os/**', keep_last: 3 }], immutable: [] }
    await Bun.write(`${folder.path}/rules.json`, JSON.stringify(rules))
    const plan = {
      ...{ kind: 'retention', removed: 1, kept: 2, keep: [], truncated: false },
      remove: [{ repository: 'os/debian', tag: '11', digest: A, pushed_at: AT, rule: 0 }],
    }
    using api = fakeApi({
      'POST /api/v1/oci/retention/plan': () => plan,
      'PUT /api/v1/oci/retention': () => ({
        rules: [{ ...rules.rules[0], source: 'api' }],
        immutable: [{ repositories: 'os/*', tags: 'v*', source: 'config' }],
      }),
    })
    const file = `${folder.path}/rules.json`
    expect((await run(api.url, 'retention', 'plan', '-f', file)).stdout).toBe(
      `  os/debian:11  ${A}  by rule 1\n1 to remove, 2 kept by rules\n`,
    )
    const set = await run(api.url, 'retention', 'set', '-f', file)
    expect(set.stdout.split('\n').slice(1, 3)).toEqual([
      'os/**         *     the last 3  api',
      'os/*          v*    immutable   config',
    ])
    expect(api.requests.map(({ text }) => JSON.parse(text))).toEqual([
      { rules: rules.rules },
      rules,
    ])
  })

  test('a policy is told by options', async () => {
    const policy = {
      repositories: ['os/**'],
      users: ['*'],
      groups: ['ci'],
      jobs: [],
      actions: ['pull'],
    }
    using api = fakeApi({
      'PUT /api/v1/oci/policies/images': () => ({
        ...{ name: 'images', ...policy, changed_at: AT, changed_by: 'admin' },
      }),
    })
    const where = ['--repository', 'os/**', '--member', '*', '--group', 'ci', '--action', 'pull']
    const { stdout } = await run(api.url, 'policy', 'set', 'images', ...where)
    expect(JSON.parse(api.requests[0]?.text ?? '')).toEqual(policy)
    expect(stdout).toContain('who           all users, group ci\n')
  })

  test('quotas tell the room on the disk too', async () => {
    using api = fakeApi({
      'GET /api/v1/oci/quota': () => ({
        quotas: [
          {
            repositories: 't/**',
            limit_bytes: 2_048,
            used_bytes: 1_024,
            percent: 50,
            source: 'api',
          },
        ],
        disk: { total_bytes: 4_096, free_bytes: 10, reserve_bytes: 20, full: true },
      }),
    })
    expect((await run(api.url, 'quota', 'show')).stdout.split('\n').slice(1, 3)).toEqual([
      't/**          1 KiB  2 KiB  50 %  api',
      'disk: 10 B of 4 KiB free, 20 B kept free: pushes are refused',
    ])
  })
})

test.each([
  [['rm', 'os/debian'], 'either a tag or a digest'],
  [['rm', 'os/debian:1'], 'needs --yes'],
  [['tag', 'os/debian:1'], 'needs TAG'],
  [['tag', 'log', 'os/debian'], 'names no tag'],
  [['tag', 'log', 'other.example/os:1'], 'lies in another registry'],
  [['tags', 'os/debian:1'], 'a repository is wanted'],
  [['push', 'os/debian:1'], 'needs REF'],
  [['push', 'x', `os/debian@${A}`], 'goes to a tag'],
  [['pull', 'os/debian', '-o', 'x', '--oci-layout', 'y'], 'exclude each other'],
  [['pull', 'os/debian', '--parallel', '99'], 'from 1 to 16'],
  [['gc', '--untagged', 'perhaps'], 'is one of collect, keep'],
  [['policy', 'set', 'x'], 'at least one --repository'],
  [['retention', 'apply'], 'needs --yes'],
  [['uploads', 'rm', 'x'], 'needs --yes'],
  [['psuh', 'x', 'y'], 'did you mean `push`?'],
])('%j is a wrong command line: nothing is sent', async (args, sentence) => {
  using api = fakeApi({})
  const { code, stdout, stderr } = await run(api.url, ...args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(sentence)
  expect(api.requests).toEqual([])
})

test('a file that is not there, and a reference that is none, are told with the remedy', async () => {
  using api = fakeApi({})
  const missing = await run(api.url, 'push', 'no-such-file', 'os/debian:1')
  expect(missing).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('cannot read no-such-file'),
  })
  const bad = await run(api.url, 'inspect', 'OS/Debian:1')
  expect(bad).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('a repository is lower case'),
  })
})
