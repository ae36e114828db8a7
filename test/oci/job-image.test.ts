// SPDX-License-Identifier: AGPL-3.0-or-later

import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { linuxRecipe, type RunningAppliance, startAppliance } from '../harness.ts'
import { claimed, complete, post, ready } from '../stage.ts'
import { type AccessBed, accessBed, basic, type Image } from './access-bed.ts'

const recipe = { ...linuxRecipe, oci_url: 'os-images/debian:13' }

/** `registry` of `/job.json` on the task ISO. */
async function loginOf(dataDir: string, job: string) {
  const iso = await Bun.file(join(dataDir, 'task-isos', `${job}.iso`)).text()
  const found = /"registry":(\{[^}]*\})/.exec(iso)?.[1]
  if (!found) throw new Error('no registry in job.json')
  const { base_url, user, password } = JSON.parse(found)
  return { base_url, user, password, authorization: basic(user, password), iso }
}

const leases = async (running: RunningAppliance) =>
  (await running.appliance.db.client.execute('select * from oci_leases')).rows.map(
    ({ repository, digest, holder }) => ({ repository, digest, holder }),
  )

describe('an image that a job is to install', () => {
  test('is refused when this registry does not have it, before anything is made', async () => {
    await using stage = await ready()
    const { running, machine } = stage
    const bed = accessBed(running)
    await bed.pushImage('os-images/debian', '12')
    const missing = `os-images/debian@sha256:${'0'.repeat(64)}`
    for (const oci_url of ['os-images/debian:13', 'os-images/debain:13', 'os-images', missing]) {
      for (const query of ['', '?dry_run=true']) {
        const request = { server_serial: machine.serial, recipe: { ...recipe, oci_url } }
        const { status, body } = await running.send('POST', `/api/v1/jobs${query}`, request)
        expect([status, body.error, body.code]).toEqual([
          ...[400, 'invalid_recipe', 'oci.unknown-image'],
        ])
        expect(body.details).toMatchObject([{ path: '/oci_url', code: 'unknown_image' }])
        expect(body.message).toContain('push it first')
      }
    }
    const { body } = await running.send('POST', '/api/v1/jobs', {
      ...{ server_serial: machine.serial, recipe },
    })
    expect(body.message).toContain('it has 12')
    expect((await running.send('GET', '/api/v1/jobs')).body.jobs).toEqual([])
    expect(await leases(running)).toEqual([])
  })

  test('is pinned to its digest, which later pushes of its tag do not change', async () => {
    await using stage = await ready({ script: 'silent' })
    const { running, machine } = stage
    const bed = accessBed(running)
    const image = await bed.pushImage('os-images/debian', '13')
    const job = await post(running, machine.serial, { recipe })
    await bed.pushImage('os-images/debian', '13')
    await running.until(job, claimed)
    const { iso, user, base_url } = await loginOf(running.dataDir, job)
    expect(iso).toContain(`"oci_url":"os-images/debian@${image.digest}"`)
    expect(user).toBe(`job-${job}`)
    expect(base_url).toMatch(/^https:\/\/.+:\d+$/)
    expect(await leases(running)).toEqual([
      { repository: 'os-images/debian', digest: image.digest, holder: `job:${job}` },
    ])
  })

  test.each([
    { name: 'its tag', oci_url: (_: Image, __: string) => 'os-images/debian:13' },
    { name: 'no tag', oci_url: () => 'os-images/latest' },
    { name: 'its digest', oci_url: ({ digest }: Image) => `os-images/debian@${digest}` },
    { name: 'tag and digest', oci_url: ({ digest }: Image) => `os-images/debian:x@${digest}` },
    { name: 'our own address', oci_url: (_: Image, host: string) => `${host}/os-images/debian:13` },
  ])('may be named by $name', async ({ oci_url }) => {
    await using stage = await ready()
    const { running, machine } = stage
    const bed = accessBed(running)
    const image = await bed.pushImage('os-images/debian', '13')
    await bed.pushImage('os-images/latest', 'latest')
    const port = running.listeners.open
      .find(({ name }) => name === 'api')
      ?.url.split(':')
      .at(-1)
    const url = oci_url(image, `localhost:${port}`)
    const request = { server_serial: machine.serial, recipe: { ...recipe, oci_url: url } }
    const { status, body } = await running.send('POST', '/api/v1/jobs?dry_run=true', request)
    expect({ status, body }).toMatchObject({ status: 200, body: { dry_run: true } })
  })

  test('is held for as long as its job waits, however long that is', async () => {
    await using stage = await ready()
    const { running, machine } = stage
    await accessBed(running).pushImage('os-images/debian', '13')
    await post(running, machine.serial, { recipe })
    await running.stop()
    using db = new Database(join(running.dataDir, 'slipway.db'))
    const [lease] = db.query('select until from oci_leases').all() as { until: number }[]
    expect(lease?.until).toBeGreaterThan(Date.now() + 365 * 86_400_000)
  })

  test('of another registry is none of ours: no login for it goes to the machine', async () => {
    await using stage = await ready({ script: 'silent' })
    const { running, machine } = stage
    const job = await post(running, machine.serial)
    await running.until(job, claimed)
    expect(loginOf(running.dataDir, job)).rejects.toThrow('no registry')
    expect(await leases(running)).toEqual([])
  })

  test('that its submitter may not pull is refused, by the name of the right', async () => {
    await using stage = await ready()
    const { running, machine } = stage
    const bed = accessBed(running)
    await bed.pushImage('os-images/debian', '13')
    const policy = { repositories: ['os-images/**'], users: ['ada'], actions: ['pull'] }
    await running.send('PUT', '/api/v1/oci/policies/images', policy)
    const [ada, olga] = [
      await bed.addUser('ada', 'operator'),
      await bed.addUser('olga', 'operator'),
    ]
    const body = JSON.stringify({ server_serial: machine.serial, recipe })
    for (const path of ['/api/v1/jobs?dry_run=true', '/api/v1/jobs']) {
      const refused = await bed.ask('POST', path, { authorization: olga, body })
      expect([refused.status, refused.json.code]).toEqual([403, 'oci.image-denied'])
    }
    const taken = await bed.ask('POST', '/api/v1/jobs', { authorization: ada, body })
    expect(taken.status).toBe(202)
  })

  test('that was deleted before the launch ends the job with its name', async () => {
    await using stage = await ready()
    const { running, machine } = stage
    const bed = accessBed(running)
    const { digest } = await bed.pushImage('os-images/debian', '13')
    const job = await post(running, machine.serial, { recipe })
    const authorization = `Bearer ${running.adminToken}`
    const path = `/v2/os-images/debian/manifests/${digest}`
    expect((await bed.ask('DELETE', path, { authorization })).status).toBe(202)
    const ended = await running.until(job, complete)
    expect(ended).toMatchObject({
      ...{ result: 'failed', failed_step: 'oci.credential', failed_code: 'oci.unknown-image' },
    })
    const steps: string[] = ended.events.map(({ step }: { step?: string }) => step ?? '')
    expect(steps.filter((step) => /power|insert|eject/.test(step))).toEqual([])
  })
})

describe('the login of a job', () => {
  /** A job whose machine has claimed it and stays silent, with images around it. */
  async function installing() {
    await using scope = new AsyncDisposableStack()
    const stage = scope.use(await ready({ script: 'silent' }))
    const { running, machine } = stage
    const bed = accessBed(running)
    const child = await bed.pushImage('os-images/debian', 'amd64')
    const other = await bed.pushImage('os-images/debian', '12')
    await bed.pushIndex('os-images/debian', '13', [child])
    const foreign = await bed.pushImage('tools/partition', '1')
    const job = await post(running, machine.serial, { recipe })
    await running.until(job, claimed)
    const login = await loginOf(running.dataDir, job)
    const open = scope.move()
    return {
      ...{ running, machine, bed, child, other, foreign, job, ...login },
      [Symbol.asyncDispose]: () => open.disposeAsync(),
    }
  }

  const pinned = async (bed: AccessBed, authorization: string) =>
    (await bed.ask('HEAD', '/v2/os-images/debian/manifests/13', { authorization })).headers.get(
      'docker-content-digest',
    )

  test('opens exactly what its recipe needs, and for pulling only', async () => {
    await using at = await installing()
    const { bed, child, other, foreign, running, authorization } = at
    const index = await pinned(bed, `Bearer ${running.adminToken}`)
    const own = '/v2/os-images/debian'
    const table: readonly (readonly [method: string, path: string, status: number])[] = [
      ['GET', '/v2/', 200],
      ['GET', `${own}/manifests/${index}`, 200],
      ['HEAD', `${own}/manifests/${index}`, 200],
      ['GET', `${own}/manifests/${child.digest}`, 200],
      ['GET', `${own}/blobs/${child.config}`, 200],
      ['GET', `${own}/blobs/${child.layer}`, 200],
      ['HEAD', `${own}/blobs/${child.layer}`, 200],
      ['GET', `${own}/manifests/13`, 403],
      ['GET', `${own}/manifests/${other.digest}`, 403],
      ['GET', `${own}/blobs/${other.layer}`, 403],
      ['GET', `${own}/blobs/sha256:${'0'.repeat(64)}`, 403],
      ['GET', `/v2/tools/partition/manifests/${foreign.digest}`, 403],
      ['GET', `/v2/tools/partition/blobs/${foreign.layer}`, 403],
      ['GET', `/v2/tools/partition/blobs/${child.layer}`, 403],
      ['GET', `${own}/tags/list`, 403],
      ['POST', `${own}/blobs/uploads/`, 403],
      ['POST', `${own}/blobs/uploads/?mount=${child.layer}&from=os-images/debian`, 403],
      ['PUT', `${own}/manifests/13`, 403],
      ['DELETE', `${own}/manifests/${index}`, 403],
      ['DELETE', `${own}/blobs/${child.layer}`, 403],
      ['GET', '/api/v1/jobs', 401],
    ]
    for (const [method, path, status] of table) {
      const told = await bed.ask(method, path, { authorization })
      expect([method, path, told.status]).toEqual([method, path, status])
    }
    const { json } = await bed.ask('GET', '/v2/_catalog', { authorization })
    expect(json.repositories).toEqual([])
    const token = await bed.token(authorization, 'repository:os-images/debian:pull,push')
    for (const [method, path, status] of table.filter(([, path]) => path.startsWith(own))) {
      const told = await bed.ask(method, path, { authorization: token })
      expect([method, path, told.status]).toEqual([method, path, status])
    }
  })

  test('is refused with another password, and no login of its own name can be made', async () => {
    await using at = await installing()
    const { bed, user, job, running } = at
    for (const password of ['', 'x', at.password.slice(1), `${at.password}0`]) {
      const told = await bed.ask('GET', '/v2/', { authorization: basic(user, password) })
      expect(told.status).toBe(401)
    }
    const unknown = basic(`job-${crypto.randomUUID()}`, at.password)
    expect((await bed.ask('GET', '/v2/', { authorization: unknown })).status).toBe(401)
    const body = { name: `job-${job}`, role: 'admin', password: 'a long password' }
    expect((await running.send('POST', '/api/v1/users', body)).status).toBe(400)
  })

  test('may pull more where a policy says so', async () => {
    await using at = await installing()
    const { bed, running, foreign, authorization } = at
    const path = `/v2/tools/partition/manifests/${foreign.digest}`
    expect((await bed.ask('GET', path, { authorization })).status).toBe(403)
    const policy = { repositories: ['tools/**'], jobs: ['*'], actions: ['pull'] }
    await running.send('PUT', '/api/v1/oci/policies/tools', policy)
    expect((await bed.ask('GET', path, { authorization })).status).toBe(200)
  })

  test('ends with a cancel, and a token that was made for it too', async () => {
    await using at = await installing()
    const { bed, running, child, job, authorization } = at
    const path = `/v2/os-images/debian/blobs/${child.layer}`
    const token = await bed.token(authorization, 'repository:os-images/debian:pull')
    expect((await bed.ask('GET', path, { authorization: token })).status).toBe(200)
    expect((await running.send('POST', `/api/v1/jobs/${job}/cancel`)).status).toBe(200)
    expect((await bed.ask('GET', path, { authorization })).status).toBe(401)
    expect((await bed.ask('GET', path, { authorization: token })).status).toBe(401)
    await running.until(job, complete)
    expect((await bed.ask('GET', path, { authorization })).status).toBe(401)
    expect(await leases(running)).toEqual([])
    const { rows } = await running.appliance.db.client.execute('select * from oci_job_credentials')
    expect(rows).toEqual([])
  })

  test('ends with its job, and lives through a restart before that', async () => {
    await using at = await installing()
    const { child, job, authorization } = at
    const { dataDir } = at.running
    const path = `/v2/os-images/debian/blobs/${child.layer}`
    await at.running.stop()
    const again = await startAppliance({ dataDir })
    try {
      const bed = accessBed(again)
      expect((await bed.ask('GET', path, { authorization })).status).toBe(200)
      const found = await again.appliance.jobs.get(job)
      if (!found) throw new Error('no job')
      await again.appliance.jobs.report(found, { status: 'success' })
      expect((await bed.ask('GET', path, { authorization })).status).toBe(401)
    } finally {
      await again.stop()
    }
    const last = await startAppliance({ dataDir })
    try {
      expect((await accessBed(last).ask('GET', path, { authorization })).status).toBe(401)
      expect(await leases(last)).toEqual([])
    } finally {
      await last.stop()
    }
  })

  test('is never written down in clear: not in logs, not in answers, not in the database', async () => {
    await using at = await installing()
    const { bed, running, job, password, authorization, child } = at
    const answers: string[] = []
    const ask = async (method: string, path: string) => {
      const { body, headers } = await running.send(method, path)
      answers.push(JSON.stringify(body), [...headers].join())
    }
    const blob = `/v2/os-images/debian/blobs/${child.layer}`
    await bed.ask('GET', blob, { authorization })
    const token = await bed.token(authorization, 'repository:os-images/debian:pull')
    await bed.ask('GET', blob, { authorization: token })
    // Refused in every way: what is wrong is told, what was sent is not repeated.
    for (const path of ['/v2/x/blobs/bad', '/v2/X/manifests/1', '/v2/a/tags/list', '/v2/%zz']) {
      const told = await bed.ask('GET', path, { authorization })
      answers.push(JSON.stringify(told.json), [...told.headers].join())
    }
    for (const path of ['', '/log', '/transcript']) await ask('GET', `/api/v1/jobs/${job}${path}`)
    for (const path of ['/api/v1/audit', '/metrics', '/api/v1/oci/policies']) await ask('GET', path)
    await running.send('POST', `/api/v1/jobs/${job}/cancel`)
    await running.until(job, complete)
    const secrets = [password, authorization.slice('Basic '.length), token.slice('Bearer '.length)]
    for (const secret of secrets) {
      expect(answers.filter((answer) => answer.includes(secret))).toEqual([])
      expect(running.logged.filter((line) => line.includes(secret))).toEqual([])
    }
    await running.stop()
    for (const name of await readdir(running.dataDir)) {
      if (!name.startsWith('slipway.db')) continue
      const bytes = Buffer.from(await Bun.file(join(running.dataDir, name)).arrayBuffer())
      expect({ name, leaks: bytes.includes(password) }).toEqual({ name, leaks: false })
    }
  })
})
