// SPDX-License-Identifier: AGPL-3.0-or-later

import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { linuxRecipe, type RunningAppliance, startAppliance } from '../harness.ts'
import { claimed, post, ready } from '../stage.ts'
import { accessBed, basic } from './access-bed.ts'
import { freshBytes } from './content.ts'

/** Waits until `done` says so. */
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error('it did not get there')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** A thousand bytes for all repositories below `small`. */
async function limit(running: RunningAppliance): Promise<void> {
  const quotas = [{ repositories: 'small/*', limit_bytes: 1_000 }]
  expect((await running.send('PUT', '/api/v1/oci/quota', { quotas })).status).toBe(200)
}

describe('/metrics', () => {
  test('tells what the registry was asked, what it holds, and what it refused', async () => {
    await using running = await startAppliance()
    await limit(running)
    const bed = accessBed(running)
    const authorization = `Bearer ${running.adminToken}`
    const { digest, layer } = await bed.pushImage('os/debian', '13')
    await bed.ask('GET', '/v2/os/debian/manifests/13', { authorization })
    await bed.ask('GET', `/v2/os/debian/blobs/${layer}`, { authorization })
    await bed.ask('GET', '/v2/os/debian/manifests/14', { authorization })
    await bed.ask('POST', '/v2/os/debian/blobs/uploads/', { authorization })
    expect(bed.pushBlob('small/one', freshBytes(2_000))).rejects.toThrow('403')
    await bed.ask('DELETE', `/v2/os/debian/manifests/${digest}`, { authorization })
    const text: string = (await running.send('GET', '/metrics')).body
    const call = (route: string, method: string, code: number) =>
      `slipway_oci_request_duration_seconds_count{route="${route}",method="${method}",code="${code}"}`
    for (const line of [
      `${call('manifest', 'GET', 200)} 1`,
      `${call('manifest', 'GET', 404)} 1`,
      `${call('manifest', 'PUT', 201)} 1`,
      `${call('blob', 'GET', 200)} 1`,
      `${call('upload', 'PUT', 201)} 2`,
      'slipway_oci_events_total{kind="push",what="manifest"} 1',
      'slipway_oci_events_total{kind="pull",what="blob"} 1',
      'slipway_oci_events_total{kind="delete",what="manifest"} 1',
      'slipway_oci_bytes_total{direction="pull"} ',
      'slipway_oci_stored_repositories 1',
      'slipway_oci_stored_blobs 2',
      'slipway_oci_stored_bytes 128',
      'slipway_oci_uploads 1',
      'slipway_oci_quota_refusals_total{quota="small/*"} 1',
      'slipway_oci_quota_bytes{quota="small/*",what="limit"} 1000',
      'slipway_oci_disk_bytes{what="free"} ',
      'slipway_oci_scrub_checked_objects ',
    ]) {
      expect(text.split('\n').filter((each) => each.startsWith(line)).length, line).toBe(1)
    }
  })

  test('grows by no line for methods that nobody knows', async () => {
    await using running = await startAppliance()
    const bed = accessBed(running)
    const authorization = `Bearer ${running.adminToken}`
    for (const method of ['PROPFIND', 'LOCK']) await bed.ask(method, '/v2/', { authorization })
    const text: string = (await running.send('GET', '/metrics')).body
    expect(text).toContain('{route="base",method="other",code="405"} 2\n')
    expect(text).not.toContain('PROPFIND')
  })
})

describe('the audit log', () => {
  const entries = async (running: RunningAppliance) => {
    const { body } = await running.send('GET', '/api/v1/audit')
    return body.entries
      .filter(({ route }: { route: string }) => /\/v2|oci/.test(route))
      .map(({ principal, method, object, status, job_id, server_serial }: never) => ({
        ...{ principal, method, object, status, job_id, server_serial },
      }))
      .toReversed()
  }

  test('tells who pushed and deleted what, and who was not let to', async () => {
    await using running = await startAppliance()
    const bed = accessBed(running)
    const vera = await bed.addUser('vera', 'viewer')
    const { digest, layer } = await bed.pushImage('os/debian', '13')
    const authorization = `Bearer ${running.adminToken}`
    const path = '/v2/os/debian/manifests/13'
    await bed.ask('DELETE', path, { authorization: vera })
    await bed.ask('DELETE', path, { authorization })
    await bed.ask('DELETE', `/v2/os/debian/manifests/${digest}`, { authorization })
    await bed.ask('DELETE', `/v2/os/debian/blobs/${layer}`, { authorization })
    const policy = { repositories: ['os/*'], actions: ['pull'] }
    await running.send('PUT', '/api/v1/oci/policies/os', policy)
    const admin = { principal: 'admin', job_id: undefined, server_serial: undefined }
    expect(await entries(running)).toEqual([
      { ...admin, method: 'PUT', object: `os/debian:13@${digest}`, status: 201 },
      { ...admin, principal: 'vera', method: 'DELETE', object: 'os/debian', status: 403 },
      { ...admin, method: 'DELETE', object: `os/debian:13@${digest}`, status: 202 },
      { ...admin, method: 'DELETE', object: `os/debian@${digest}`, status: 202 },
      { ...admin, method: 'DELETE', object: `os/debian@${layer}`, status: 202 },
      { ...admin, method: 'PUT', object: 'policy os', status: 200 },
    ])
  })

  test('tells the job of a machine that tried to push', async () => {
    await using stage = await ready({ script: 'silent' })
    const { running, machine } = stage
    const bed = accessBed(running)
    await bed.pushImage('os/debian', '13')
    const recipe = { ...linuxRecipe, oci_url: 'os/debian:13' }
    const job = await post(running, machine.serial, { recipe })
    await running.until(job, claimed)
    const iso = await Bun.file(join(running.dataDir, 'task-isos', `${job}.iso`)).text()
    const password = /"password":"([^"]+)"/.exec(iso)?.[1] ?? ''
    const authorization = basic(`job-${job}`, password)
    const told = await bed.ask('POST', '/v2/os/debian/blobs/uploads/', { authorization })
    expect(told.status).toBe(403)
    await until(async () => (await entries(running)).length === 2)
    expect((await entries(running)).at(-1)).toEqual({
      ...{ principal: `job-${job}`, method: 'PUT', object: 'os/debian', status: 403 },
      ...{ job_id: job, server_serial: machine.serial },
    })
  })
})

/** A receiver that refuses its first `refusals` calls. */
function receiver(refusals = 0) {
  const calls: { authorization: string | null; type: string | null }[] = []
  const events: Record<string, Record<string, unknown>>[] = []
  let left = refusals
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { headers } = request
      calls.push({
        ...{ authorization: headers.get('authorization'), type: headers.get('content-type') },
      })
      if (left-- > 0) return new Response('not now', { status: 503 })
      const body = (await request.json()) as { events: typeof events }
      events.push(...body.events)
      return new Response()
    },
  })
  const accept = () => {
    left = 0
  }
  return {
    calls,
    events,
    accept,
    url: server.url.href,
    [Symbol.dispose]: () => void server.stop(true),
  }
}

describe('the webhook', () => {
  test('is told of pushes, pulls, deletes, full quotas and damage, again until it takes them', async () => {
    using hook = receiver(1)
    await using running = await startAppliance({
      set: [`oci.events_url=${hook.url}`, 'oci.events_token=canary-token'],
    })
    await limit(running)
    const bed = accessBed(running)
    const authorization = `Bearer ${running.adminToken}`
    const { digest, layer } = await bed.pushImage('os/debian', '13')
    await bed.ask('GET', '/v2/os/debian/manifests/13', { authorization })
    expect(bed.pushBlob('small/one', freshBytes(2_000))).rejects.toThrow('403')
    // Bytes that change on the disk are found by the scrub.
    const hex = layer.slice('sha256:'.length)
    const file = join(running.dataDir, 'oci/_blobs/sha256', hex.slice(0, 2), hex)
    expect(await Bun.file(file).exists()).toBe(true)
    await Bun.write(file, 'damaged')
    new Database(join(running.dataDir, 'slipway.db')).run('delete from oci_fresh_bytes')
    const scrub = () => running.send('POST', '/api/v1/oci/scrub', { from_start: true })
    await until(async () => (await scrub()).status === 202)
    await until(() => hook.events.some(({ action }) => `${action}` === 'corruption'))
    await bed.ask('DELETE', `/v2/os/debian/manifests/${digest}`, { authorization })
    await until(() => hook.events.filter(({ action }) => `${action}` === 'delete').length === 2)
    const told = hook.events.map(({ action, target, actor }) => ({
      action: `${action}`,
      repository: target?.['repository'],
      by: actor?.['name'],
    }))
    const admin = { repository: 'os/debian', by: 'admin' }
    expect(told).toEqual([
      { action: 'push', ...admin },
      { action: 'pull', ...admin },
      { action: 'quota', repository: 'small/one', by: undefined },
      { action: 'corruption', repository: 'os/debian', by: 'scrub' },
      { action: 'delete', ...admin },
      { action: 'delete', ...admin },
    ])
    expect(hook.events[0]?.['target']).toEqual({
      ...{ repository: 'os/debian', digest, tag: '13', size: expect.any(Number) },
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
    })
    expect(hook.calls[0]).toEqual({
      authorization: 'Bearer canary-token',
      type: 'application/vnd.docker.distribution.events.v2+json',
    })
    expect(running.logged.filter((line) => line.includes('canary-token'))).toEqual([])
    const sent = 'slipway_oci_notices_total{end="sent"} 6\n'
    await until(async () => (await running.send('GET', '/metrics')).body.includes(sent))
  }, 60_000)

  test('that is away at a stop hears of pushes and deletes after the next start, in order, once', async () => {
    using hook = receiver(Number.MAX_SAFE_INTEGER)
    const set = [`oci.events_url=${hook.url}`]
    const dataDir = await mkdtemp(join(tmpdir(), 'slipway-notices-'))
    try {
      {
        await using running = await startAppliance({ dataDir, set })
        const bed = accessBed(running)
        const authorization = `Bearer ${running.adminToken}`
        await bed.pushImage('os/debian', '13')
        await bed.ask('DELETE', '/v2/os/debian/manifests/13', { authorization })
        await until(() => hook.calls.length > 0)
      }
      hook.accept()
      for (const _ of ['the first start after it', 'a second one']) {
        await using running = await startAppliance({ dataDir, set })
        const empty = 'slipway_oci_notices_waiting 0\n'
        await until(async () => (await running.send('GET', '/metrics')).body.includes(empty))
        expect(hook.events.map(({ action }) => `${action}`)).toEqual(['push', 'delete'])
      }
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  }, 60_000)

  test('that never answers is in nobody’s way, and what waits is bounded', async () => {
    using hook = receiver(Number.MAX_SAFE_INTEGER)
    await using running = await startAppliance({ set: [`oci.events_url=${hook.url}`] })
    const bed = accessBed(running)
    const authorization = `Bearer ${running.adminToken}`
    await bed.pushImage('os/debian', '13')
    for (let pull = 0; pull < 1_100; pull++) {
      const { status } = await bed.ask('GET', '/v2/os/debian/manifests/13', { authorization })
      expect(status).toBe(200)
    }
    const text: string = (await running.send('GET', '/metrics')).body
    expect(text).toContain('slipway_oci_notices_waiting 1000\n')
    expect(text).toContain('slipway_oci_notices_total{end="dropped"} 101\n')
  }, 60_000)
})
