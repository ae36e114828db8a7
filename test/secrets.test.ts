// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { linuxRecipe } from './harness.ts'
import { complete, post, ready } from './stage.ts'

const CANARY = 'CanarySecret'
const canary = (place: string) => `${CANARY}-${place}-7f3a`

/** Everything of an API answer, whatever it is. */
const everything = async (response: Response) =>
  `${[...response.headers].join()} ${await response.text()}`

test.each([{ script: 'success' }, { script: 'fail-at=image-linux.service' }])(
  'no secret comes out of a job that ends in $script',
  async ({ script }) => {
    const password = canary('bmc-password')
    await using stage = await ready({ script, password }, [
      `webhook.secret=${canary('webhook')}`,
      `webhook.secret_old=${canary('webhook-old')}`,
      `auth.jwt_hs256_secret=${canary('jwt')}-long-enough-for-hs256`,
    ])
    const { running, machine } = stage
    const recipe = {
      ...linuxRecipe,
      user_data: `#cloud-config\npassword: ${canary('user-data')}\n`,
      env: { REGISTRY_PASSWORD: canary('env') },
      notes: 'nothing secret',
    }
    const answers: string[] = []
    const ask = async (method: string, path: string, body?: unknown) => {
      const response = await running.appliance.apps.api.request(path, {
        method,
        headers: { Authorization: `Bearer ${running.adminToken}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      answers.push(await everything(response))
    }
    await ask('POST', '/api/v1/jobs?dry_run=true', { server_serial: machine.serial, recipe })
    // Refused in every way: what is wrong is named, what was sent is not repeated.
    for (const wrong of [
      { ...recipe, user_data: { content: canary('wrong'), url: 'http://x' } },
      { ...recipe, env: { 'bad name': canary('wrong-env') } },
      { ...recipe, user_data: [canary('wrong-type')] },
      { ...recipe, unattend_xml: canary('unused-payload') },
    ]) {
      await ask('POST', '/api/v1/jobs', { server_serial: machine.serial, recipe: wrong })
    }
    const refusedId = (await running.send('GET', '/api/v1/jobs')).body.jobs[0]?.job_id
    if (refusedId) await running.until(refusedId, complete)

    const id = await post(running, machine.serial, { recipe })
    await running.until(id, (job) => job.powered_on_at !== undefined)
    const taskIso = join(running.dataDir, 'task-isos', `${id}.iso`)
    // The secret did travel: what follows would prove nothing otherwise.
    expect(await Bun.file(taskIso).text()).toContain(canary('user-data'))
    expect((await stat(taskIso)).mode & 0o777).toBe(0o600)
    await running.until(id, complete)
    for (const path of [
      '/api/v1/jobs',
      `/api/v1/jobs/${id}`,
      `/api/v1/jobs/${id}/log`,
      `/api/v1/jobs/${id}/events`,
      `/api/v1/jobs/${id}/transcript`,
      '/api/v1/machines',
      `/api/v1/machines/${machine.serial}`,
      '/api/v1/users',
      '/readyz',
      '/metrics',
    ]) {
      await ask('GET', path)
    }
    await ask('POST', `/api/v1/machines/${machine.serial}/probe`)
    await ask('POST', '/api/v1/machines', {
      serial: 'X-1',
      bmc_url: 'not a url',
      username: 'u',
      password: canary('refused-password'),
    })
    await ask('PATCH', `/api/v1/machines/${machine.serial}`, { password: [canary('patch')] })

    const job = await running.appliance.jobs.get(id)
    const mediaTokens = job?.media.map(({ imageUrl }) => imageUrl.split('/').at(-2) ?? '') ?? []
    expect(mediaTokens.length).toBe(2)
    for (const secret of [CANARY, running.adminToken, ...mediaTokens]) {
      expect(answers.filter((answer) => answer.includes(secret))).toEqual([])
      expect(running.logged.filter((line) => line.includes(secret))).toEqual([])
    }
    await running.stop()
    for (const name of await readdir(running.dataDir)) {
      if (!name.startsWith('slipway.db')) continue
      const bytes = Buffer.from(await Bun.file(join(running.dataDir, name)).arrayBuffer())
      expect({ name, leaks: bytes.includes(CANARY) }).toEqual({ name, leaks: false })
    }
    expect(await readdir(join(running.dataDir, 'task-isos'))).toEqual([])
  },
)
