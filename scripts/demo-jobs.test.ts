// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { JobView } from '../schemas/job.ts'
import { complaint, type DemoJob, machineActivity, type Role, rowOf } from './demo-jobs.ts'
import { table } from './demo-view.ts'

const succeeded: JobView = {
  job_id: 'b5b1f3a2-0000-4000-8000-000000000001',
  server_serial: 'S1',
  status: 'complete',
  result: 'succeeded',
  task_target: 'install-linux.target',
  media_plan: 'two-cd',
  media: ['boot', 'task'].map((slot, index) => ({
    slot: slot as 'boot' | 'task',
    name: `${slot}.iso`,
    drive: 'CD1',
    url: 'http://127.0.0.1/media/t/boot.iso',
    size_bytes: 4_000,
    bytes_read: 1_000 * (index + 1),
  })),
  launches: 1,
  created_by: 'admin',
  created_at: '2026-11-22T10:00:00.000Z',
  last_update: '2026-11-22T10:00:09.000Z',
  completed_at: '2026-11-22T10:00:07.260Z',
}
const failed: JobView = {
  ...succeeded,
  result: 'failed',
  failed_step: 'bootloader-linux.service',
  failed_code: 'workflow.bootloader-linux',
}
const well: Role = { personality: 'dell-r750' }
const badly: Role = { personality: 'hpe-dl360', failsAt: 'bootloader-linux.service' }
const jobOf = (view: JobView, role: Role): DemoJob => ({
  id: view.job_id,
  vendor: 'Dell',
  serial: 'S1',
  role,
  view,
})

test('a row sums the bytes of both images and counts the time to complete', () => {
  expect(rowOf(jobOf(succeeded, well))).toEqual({
    vendor: 'Dell',
    job_id: succeeded.job_id,
    status: 'complete',
    result: 'succeeded',
    failed_step: null,
    failed_code: null,
    media_plan: 'two-cd',
    bytes_read: 3_000,
    seconds: 7.3,
  })
})

test.each([
  { name: 'succeeded as meant', view: succeeded, role: well, ok: true },
  { name: 'failed as meant', view: failed, role: badly, ok: true },
  { name: 'failed against its role', view: failed, role: well, ok: false },
  { name: 'succeeded against its role', view: succeeded, role: badly, ok: false },
  {
    name: 'failed at another unit',
    view: { ...failed, failed_step: 'partition.service' },
    role: badly,
    ok: false,
  },
  {
    name: 'not complete',
    view: { ...succeeded, status: 'succeeded' as const },
    role: well,
    ok: false,
  },
])('what a job that $name gives to complain of', ({ view, role, ok }) => {
  expect(complaint(jobOf(view, role)) === undefined).toBe(ok)
})

describe('the machine’s word', () => {
  const progress = { phase: 'writing', step: 'image-linux.service', percent: 47 } as const
  test('is its phase, unit and tens of percent while it works', () => {
    expect(machineActivity({ ...succeeded, status: 'provisioning', progress })).toBe(
      'writing image-linux.service 40 %',
    )
  })
  test('is nothing once it has reported', () => {
    expect(machineActivity({ ...succeeded, status: 'succeeded', progress })).toBe('')
  })
})

test('the table aligns its columns under their names', () => {
  const lines = table([rowOf(jobOf(succeeded, well)), rowOf(jobOf(failed, badly))]).split('\n')
  expect(lines).toHaveLength(3)
  const at = lines[0]?.indexOf('code') ?? -1
  expect(lines[2]?.slice(at)).toStartWith('workflow.bootloader-linux')
})
