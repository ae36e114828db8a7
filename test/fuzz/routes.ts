// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunningAppliance } from '../harness.ts'
import { linuxRecipe } from '../harness.ts'

/** A valid request, from which malformed ones are made. */
export interface Sample {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON; text as it is. */
  readonly body?: unknown
  readonly door: 'api' | 'field'
}

const machine = {
  serial: 'FUZZ-1',
  bmc_url: 'http://127.0.0.1:1',
  username: 'admin',
  password: 'secret-word',
  aliases: ['FUZZ-A'],
  tls: { mode: 'first-use' },
  labels: { rack: 'r1' },
  media_plan: 'two-cd',
  report_base_urls: ['https://192.0.2.1:8443'],
}

const csv = [
  'serial,bmc_url,username,password,aliases,labels',
  'FUZZ-2,http://127.0.0.1:1,admin,"se,cret",FUZZ-B,rack=r1',
  'FUZZ-3,http://127.0.0.1:1,admin,secret,,',
].join('\r\n')

const claim = {
  nonce: 'nonce-1234',
  boot_id: 'boot-1',
  serial: 'FUZZ-1',
  uuid: '4c4c4544-0046-3510-8034-c6c04f314733',
  target_disk: { path: '/dev/sda', serial: 'S', wwn: '0x5000' },
  inventory: { cpu: { model: 'x' }, disks: [{ path: '/dev/sda', size_bytes: 1 }] },
}

const report = {
  status: 'progress',
  phase: 'writing',
  step: 'deploy-image-linux.service',
  percent: 12.5,
  bytes: 5,
  total_bytes: 10,
  message: 'on it',
  delivery_id: 'd1',
  failed_step: 'bootloader-linux.service',
}

const recipe = {
  ...linuxRecipe,
  target_disk: { serial: 'D1', min_size: '10GiB', rotational: false },
  overwrite: 'empty',
  network: {
    ethernets: {
      lan: { match: { macaddress: '02:00:00:00:00:01' }, addresses: ['192.0.2.2/24'] },
    },
  },
}

/** What has a body of its own; `job` is the id of one that is over. */
const written = (job: string): readonly Omit<Sample, 'door'>[] => [
  { method: 'POST', path: '/api/v1/jobs', body: { server_serial: 'FUZZ-1', recipe } },
  {
    method: 'POST',
    path: '/api/v1/jobs?dry_run=true',
    body: { server_serial: 'FUZZ-1', recipe: linuxRecipe },
    headers: { 'Idempotency-Key': 'once' },
  },
  { method: 'GET', path: '/api/v1/jobs?status=complete&label=rack=r1&limit=5&cursor=WzEsMl0' },
  { method: 'GET', path: `/api/v1/jobs/${job}` },
  { method: 'POST', path: `/api/v1/jobs/${job}/cancel`, body: { reason: 'why not' } },
  { method: 'POST', path: '/api/v1/machines', body: machine },
  {
    method: 'PATCH',
    path: '/api/v1/machines/FUZZ-1',
    body: { labels: { a: 'b' }, tls: machine.tls },
  },
  { method: 'POST', path: '/api/v1/machines/FUZZ-1/aliases', body: { alias: 'FUZZ-C' } },
  { method: 'POST', path: '/api/v1/machines/import', body: { machines: [machine] } },
  {
    method: 'POST',
    path: '/api/v1/machines/import',
    headers: { 'Content-Type': 'text/csv' },
    body: csv,
  },
  { method: 'POST', path: `/api/v1/claim/${job}`, body: claim },
  { method: 'POST', path: '/api/v1/status-webhook/FUZZ-1', body: report },
  {
    method: 'POST',
    path: `/api/v1/jobs/${job}/log`,
    body: { lines: ['a'], level: 'info', step: 's' },
  },
  { method: 'POST', path: '/api/v1/users', body: { name: 'fuzz', role: 'viewer', password: 'x' } },
  { method: 'PATCH', path: '/api/v1/users/fuzz', body: { role: 'viewer' } },
  { method: 'PUT', path: '/api/v1/maintenance', body: 'not an ISO at all' },
]

const field = (mediaToken: string): readonly Omit<Sample, 'door'>[] =>
  ['boot.iso', 'task.iso', 'task.img'].map((name) => ({
    method: 'GET',
    path: `/media/t/${mediaToken}/${name}`,
    headers: { Range: 'bytes=0-99' },
  }))

/** Every route that the apps have, and what the routes with bodies take. */
export function samplesOf(
  { appliance }: RunningAppliance,
  known: { readonly job: string; readonly mediaToken: string },
): readonly Sample[] {
  const fill = (path: string) =>
    path
      .replace(/:(id|job)\b/g, known.job)
      .replace(/:\w+/g, 'FUZZ-1')
      .replace(/\*$/, 'any')
  const bare = (door: Sample['door'], routes: readonly { method: string; path: string }[]) =>
    routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }): Sample => ({ method, path: fill(path), door }))
  return [
    ...bare('api', appliance.apps.api.routes),
    ...bare('field', appliance.apps.field.app.routes),
    ...written(known.job).map((sample): Sample => ({ ...sample, door: 'api' })),
    ...field(known.mediaToken).map((sample): Sample => ({ ...sample, door: 'field' })),
  ]
}
