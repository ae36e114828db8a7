// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { OciTask } from '../../../schemas/oci-admin.ts'
import type { OciFinding, OciReport } from '../../../schemas/oci-report.ts'
import { type Eyes, findingsFor, taskFor } from './care-eyes.ts'

const VIEWER: Eyes = { all: false, mayList: (repository) => repository.startsWith('open/') }
const ADMIN: Eyes = { all: true, mayList: () => true }

const finding = (over: Partial<OciFinding>): OciFinding => ({
  ...{ id: 'f', kind: 'content', detail: 'd', found_at: '2026-01-01T00:00:00Z' },
  ...{ quarantined: false, ...over },
})

const task = (over: Partial<OciTask>): OciTask => ({
  ...{ id: 't', kind: 'gc', state: 'running', by: 'ada', started_at: '2026-01-01T00:00:00Z' },
  ...{ progress: { done: 1, unit: 'repositories' }, ...over },
})

test.each<[string, boolean, Partial<OciFinding>]>([
  ['an object', true, { digest: 'sha256:a' }],
  ['a repository that may be listed', true, { kind: 'layout', repository: 'open/a' }],
  ['a hidden repository', false, { kind: 'layout', repository: 'secret/a' }],
  ['an object of a hidden one', false, { kind: 'link', repository: 'secret/a', digest: 'x' }],
  ['a stray file, whose path may tell a name', false, { kind: 'stray', digest: 'x' }],
  ['a row of none', false, { kind: 'row' }],
])('a finding about %s is seen: %s', (_, seen, over) => {
  expect(findingsFor(VIEWER, [finding(over)])).toHaveLength(seen ? 1 : 0)
  expect(findingsFor(ADMIN, [finding(over)])).toHaveLength(1)
})

const item = (repository: string) => ({
  ...{ kind: 'tag' as const, repository, name: 'x', size_bytes: 1, why: 'w' },
})
const kept = (repository: string) => ({ repository, tag: 't', digest: 'd', why: [] })
const times = { started_at: '2026-01-01T00:00:00Z', ended_at: '2026-01-01T00:00:00Z' }
const counts = { manifests: 0, tags: 2, links: 0, blobs: 0, uploads: 0, repositories: 0 }

test.each<[string, OciReport]>([
  [
    'a collection',
    {
      ...{ kind: 'gc', dry_run: true, ...times, ...counts, reclaimable_bytes: 2 },
      ...{ items: [item('open/a'), item('secret/a')], truncated: false },
    },
  ],
  [
    'retention',
    {
      ...{ kind: 'retention', removed: 0, kept: 2, truncated: false, remove: [] },
      keep: [kept('open/a'), kept('secret/a')],
    },
  ],
  [
    'a rescan',
    {
      ...{ kind: 'rescan', repositories: 1, tags: 0, manifests: 0, blobs: 0, adopted_bytes: 0 },
      ...{ unchanged: 0, to_verify: 0, refused: [{ path: 'repos/secret/a', why: 'w' }] },
    },
  ],
])('the report of %s names no hidden repository, and keeps its counts', (_, result) => {
  const told = taskFor(VIEWER, task({ state: 'done', result })).result
  expect(JSON.stringify(told)).not.toContain('secret')
  expect({ ...told, items: 0, keep: 0, remove: 0, refused: 0 }).toEqual({
    ...result,
    ...{ items: 0, keep: 0, remove: 0, refused: 0 },
  })
  expect(taskFor(ADMIN, task({ result })).result).toEqual(result)
})

test('where a task is just now is told of what may be listed, and of objects', () => {
  const at = (unit: 'repositories' | 'blobs', name: string) =>
    taskFor(VIEWER, task({ progress: { done: 1, unit, at: name } })).progress.at
  expect(at('repositories', 'open/a')).toBe('open/a')
  expect(at('repositories', 'secret/a')).toBeUndefined()
  expect(at('blobs', 'sha256:a')).toBe('sha256:a')
})

test('what failed is told to admins', () => {
  const failed = task({ state: 'failed', error: 'secret/a can not be read' })
  expect(taskFor(VIEWER, failed).error).toBe('the task failed: an admin sees why')
  expect(taskFor(ADMIN, failed).error).toBe('secret/a can not be read')
})
