// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { Inventory } from '../../schemas/inventory.ts'
import { EXIT } from './exit.ts'
import { eventStream, fakeApi, JOB, slipway } from './test-bed.ts'

const env = { SLIPWAY_TOKEN: 'token-1' }

const inventory: Inventory = {
  system: { vendor: 'Dell Inc.', product: 'PowerEdge R750' },
  firmware: { mode: 'uefi', version: '1.9.2' },
  cpu: { model: 'Xeon Gold 6330', sockets: 2, cores: 56, threads: 112 },
  memory_bytes: 256 * 1_024 ** 3,
  disks: [
    {
      ...{ path: '/dev/sda', model: 'FAST', serial: 'D-1', wwn: '', size_bytes: 480 * 1_024 ** 3 },
      rotational: false,
    },
  ],
  nics: [{ name: 'eno1', mac: '52:54:00:12:34:56', link: true, speed_mbps: 25_000 }],
}

const job = (more: object) => ({
  ...{ job_id: JOB, server_serial: 'XF-1', task_target: 'inspect.target', media: [] },
  ...{ launches: 1, created_by: 'admin', created_at: '2026-11-29T12:00:00.000Z' },
  ...{ last_update: '2026-11-29T12:00:00.000Z', status: 'complete', ...more },
})

const api = (ending: object) =>
  fakeApi({
    'POST /api/v1/jobs': () =>
      Response.json(
        { job_id: JOB, status: 'queued', server_serial: 'XF-1', created_at: '', warnings: [] },
        { status: 202 },
      ),
    [`GET /api/v1/jobs/${JOB}`]: () => job(ending),
    [`GET /api/v1/jobs/${JOB}/events`]: () => eventStream([['job', job(ending)]]),
    'GET /api/v1/machines/XF-1': () => ({ serial: 'XF-1', inventory }),
  })

test('an inspection shows what the machine told of itself', async () => {
  using fake = api({ result: 'succeeded' })
  const { code, stdout } = await slipway(['machine', 'inspect', 'XF-1', '--url', fake.url], { env })
  expect(code).toBe(EXIT.ok)
  for (const line of [
    'system    Dell Inc. PowerEdge R750',
    'firmware  UEFI, 1.9.2',
    'cpu       Xeon Gold 6330, 2 sockets, 56 cores, 112 threads',
    'memory    256 GiB',
    'disk /dev/sda: 480 GiB, FAST, serial D-1, solid state',
    'nic eno1: 52:54:00:12:34:56, link, 25000 Mbit/s',
  ]) {
    expect(stdout.split('\n')).toContain(line)
  }
  expect(JSON.parse(fake.requests[0]?.text ?? '')).toEqual({
    server_serial: 'XF-1',
    recipe: { task_target: 'inspect.target' },
  })
})

test('with --json the inventory alone is written', async () => {
  using fake = api({ result: 'succeeded' })
  const line = ['machine', 'inspect', 'XF-1', '--json', '--url', fake.url]
  const { code, stdout } = await slipway(line, { env })
  expect({ code, document: JSON.parse(stdout) }).toEqual({ code: EXIT.ok, document: inventory })
})

test('an inspection that fails says why and ends as a failed job does', async () => {
  using fake = api({
    result: 'failed',
    failed_code: 'machine.silent',
    failed_reason: 'it is silent',
  })
  const line = ['machine', 'inspect', 'XF-1', '--json', '--url', fake.url]
  const { code, stdout, stderr } = await slipway(line, { env })
  expect({ code, stdout }).toEqual({ code: EXIT.jobFailed, stdout: '' })
  expect(stderr).toContain('it is silent')
})
