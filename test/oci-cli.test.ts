// SPDX-License-Identifier: AGPL-3.0-or-later
/** `slipway oci …` against the appliance's own registry and the API of its care. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { slipwayCommand } from '../appliance/cli/test-bed.ts'
import { MiB } from '../core/units.ts'
import { type ApplianceProcess, applianceProcess } from './process.ts'

const TIMEOUT_MS = 60_000
let appliance: ApplianceProcess
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-oci-cli-'))
  appliance = await applianceProcess(['oci.auth=token'])
  await appliance.start()
}, TIMEOUT_MS)
afterAll(async () => {
  await appliance[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
}, TIMEOUT_MS)

async function oci(...args: string[]) {
  const child = Bun.spawn([...slipwayCommand, 'oci', ...args], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      SLIPWAY_URL: appliance.url,
      SLIPWAY_DATA: appliance.dataDir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { code: await child.exited, stdout, stderr }
}
// biome-ignore lint/suspicious/noExplicitAny: stories look into documents as a script would
async function document(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await oci(...args, '--json')
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' })
  return JSON.parse(stdout)
}
const push = async (content: string, reference: string) => {
  await writeFile(join(folder, 'disk.raw'), content)
  const { stdout, stderr } = await oci('push', 'disk.raw', reference)
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(stdout.trim())?.[1]
  expect(stderr).toBe('')
  return digest ?? ''
}

test(
  'a tag that moved is logged, rolled back, listed, inspected and removed',
  async () => {
    const first = await push('one', 'os/debian:13')
    const second = await push('two', 'os/debian:13')
    expect(await push('two', 'os/debian:13')).toBe(second)
    const log = await document('tag', 'log', 'os/debian:13')
    const seen = new Set(log.entries.map(({ to }: { to: string }) => to))
    expect([...seen]).toEqual([second, first])
    await document('tag', 'rollback', 'os/debian:13')
    await document('tag', 'os/debian:13', 'stable')
    expect((await oci('ls', '--digests')).stdout).toBe(
      `os/debian:13@${first}\nos/debian:stable@${first}\n`,
    )
    expect((await document('tags', 'os/debian')).tags).toMatchObject([
      { tag: '13', digest: first, pushed_by: 'admin' },
      { tag: 'stable', digest: first },
    ])
    expect(await document('inspect', 'os/debian:13')).toMatchObject({
      digest: first,
      layers: [{ size_bytes: 3, annotations: { 'org.opencontainers.image.title': 'disk.raw' } }],
    })
    await document('rm', 'os/debian:stable', '--yes')
    expect((await oci('inspect', 'os/debian:stable')).code).toBe(3)
  },
  TIMEOUT_MS,
)

test(
  'the store is collected, checked and read anew',
  async () => {
    await push('kept', 'care/kept:1')
    const gc = await document('gc', '--dry-run', '--grace', '0')
    expect(gc).toMatchObject({ kind: 'gc', dry_run: true })
    expect(await document('fsck')).toMatchObject({ kind: 'check', bad: 0 })
    expect(await document('scrub', '--from-start')).toMatchObject({ kind: 'check', bad: 0 })
    expect(await document('rescan', 'care/kept')).toMatchObject({ kind: 'rescan', repositories: 1 })
    expect(await document('rebuild', '--yes')).toMatchObject({ kind: 'rescan' })
    expect(await document('gc', 'pause')).toMatchObject({ paused: true, paused_by: 'hand' })
    expect(await document('gc', 'resume')).toMatchObject({ paused: false })
    expect(await document('scrub', 'status')).toMatchObject({ paused: false, open_findings: 0 })
    expect(await document('findings', '--state', 'open')).toEqual({ findings: [] })
    expect(await document('uploads')).toMatchObject({ uploads: [] })
    const { tasks } = await document('tasks')
    expect(tasks[0]).toMatchObject({ kind: 'rebuild', state: 'done', by: 'admin' })
    expect((await oci('ls', 'care/*')).stdout).toContain('care/kept')
  },
  TIMEOUT_MS,
)

test(
  'rules and policies are set from here, and a quota ends a push with its reason',
  async () => {
    await writeFile(
      join(folder, 'rules.json'),
      JSON.stringify({ rules: [{ repositories: 'rules/**', keep_last: 1 }], immutable: [] }),
    )
    await push('a', 'rules/x:1')
    await push('b', 'rules/x:2')
    const plan = await document('retention', 'plan', '-f', 'rules.json')
    expect(plan.remove).toMatchObject([{ repository: 'rules/x', tag: '1' }])
    await document('retention', 'set', '-f', 'rules.json')
    expect(await document('retention', 'apply', '--yes')).toMatchObject({ removed: 1 })
    expect((await document('tags', 'rules/x')).tags).toMatchObject([{ tag: '2' }])

    await document(
      'policy',
      'set',
      'p',
      '--repository',
      'rules/**',
      '--member',
      'ada',
      '--action',
      'pull',
    )
    expect((await document('policy', 'ls')).policies).toMatchObject([{ name: 'p', users: ['ada'] }])
    await document('policy', 'rm', 'p', '--yes')

    const limit_bytes = MiB
    await writeFile(
      join(folder, 'quota.json'),
      JSON.stringify({ quotas: [{ repositories: 'small/**', limit_bytes }] }),
    )
    await document('quota', 'set', '-f', 'quota.json')
    await writeFile(join(folder, 'large'), new Uint8Array(3 * MiB))
    const refused = await oci('push', 'large', 'small/x:1')
    expect(refused.code).toBe(6)
    expect(refused.stderr).toContain('quota of small/** exceeded')
  },
  TIMEOUT_MS,
)
