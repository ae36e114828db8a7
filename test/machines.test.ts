// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Answer, addSimulated, type RunningAppliance, startAppliance } from './harness.ts'
import { complete, post, ready } from './stage.ts'

const PASSWORD = 'never-to-be-seen-0815'

const machine = (serial: string, more: object = {}) => ({
  serial,
  bmc_url: `https://${serial.toLowerCase()}.bmc.test`,
  username: 'root',
  password: PASSWORD,
  ...more,
})

/** The same UUID with its first three fields in the other byte order, written anew. */
const swapped = (uuid: string) => {
  const hex = uuid.replaceAll('-', '')
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
  const bytes = order.map((at) => hex.slice(2 * at, 2 * at + 2)).join('')
  return bytes.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

describe('the book of machines', () => {
  let running: RunningAppliance
  beforeAll(async () => {
    running = await startAppliance()
  })
  afterAll(() => running[Symbol.asyncDispose]())

  const send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    running.send(method, `/api/v1/machines${path}`, body, headers)

  const importCsv = (text: string | Uint8Array<ArrayBuffer>) =>
    running.appliance.apps.api.request('/api/v1/machines/import', {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${running.adminToken}`,
        'Content-Type': 'text/csv; charset=utf-8',
      },
      body: text,
    })

  test('a machine is added, read, changed and removed', async () => {
    const added = await send('POST', '', machine('CRUD-1', { labels: { rack: '1' } }))
    expect(added).toMatchObject({
      status: 201,
      body: { serial: 'CRUD-1', username: 'root', tls: { mode: 'first-use' }, protected: false },
    })
    expect((await send('GET', '/CRUD-1')).body).toEqual(added.body)
    const changed = await send('PATCH', '/CRUD-1', { labels: { rack: '2' }, protected: true })
    expect(changed).toMatchObject({
      status: 200,
      body: { serial: 'CRUD-1', labels: { rack: '2' }, protected: true, username: 'root' },
    })
    expect((await send('DELETE', '/CRUD-1')).status).toBe(204)
    expect(await send('GET', '/CRUD-1')).toMatchObject({
      status: 404,
      body: { error: 'not_found', code: 'machine.not-found' },
    })
    expect((await send('DELETE', '/CRUD-1')).status).toBe(404)
  })

  test.each([
    ['no BMC', { serial: 'X', username: 'a', password: 'b' }, '/bmc_url'],
    ['a BMC over ftp', machine('X', { bmc_url: 'ftp://x' }), '/bmc_url'],
    ['a serial of spaces', machine('   '), '/serial'],
    ['an unknown field', machine('X', { passwort: 'x' }), '/passwort'],
    ['a pin that is none', machine('X', { tls: { mode: 'pin', fingerprint: 'AB' } }), '/tls'],
    ['a label that is no text', machine('X', { labels: { a: 1 } }), '/labels/a'],
  ])('with %s it is refused, naming the field', async (_, body, path) => {
    const answer = await send('POST', '', body)
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    expect(answer.body.details[0].path).toStartWith(path)
    expect(JSON.stringify(answer.body)).not.toContain(PASSWORD)
  })

  test('the serial of a machine does not change', async () => {
    await send('POST', '', machine('FIXED-1'))
    expect((await send('PATCH', '/FIXED-1', { serial: 'OTHER' })).status).toBe(400)
  })

  test('the password comes out nowhere', async () => {
    const answers = [
      await send('POST', '', machine('SECRET-1')),
      await send('GET', '/SECRET-1'),
      await send('PATCH', '/SECRET-1', { password: PASSWORD }),
      await send('GET', ''),
      await send('POST', '', machine('SECRET-1')),
      await send('POST', '/import', { machines: [machine('SECRET-2'), machine('unknown')] }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 200, 409, 400])
    expect(JSON.stringify(answers)).not.toContain(PASSWORD)
    expect(running.logged.join('')).not.toContain(PASSWORD)
  })

  test('the list goes on where a page ended, whatever was added meanwhile', async () => {
    const page = async (cursor?: string): Promise<Answer['body']> => {
      const at = cursor ? `&cursor=${cursor}` : ''
      return (await send('GET', `?label=story=paging&limit=2${at}`)).body
    }
    const labels = { story: 'paging' }
    for (const n of ['1', '3', '5', '7', '9']) {
      await send('POST', '', machine(`PAGE-${n}`, { labels }))
    }
    const first = await page()
    await send('POST', '', machine('PAGE-2', { labels }))
    await send('POST', '', machine('PAGE-4', { labels }))
    const second = await page(first.next_cursor)
    await send('DELETE', '/PAGE-5')
    const third = await page(second.next_cursor)
    const serials = [first, second, third].flatMap(({ machines }) =>
      machines.map(({ serial }: { serial: string }) => serial),
    )
    expect(serials).toEqual(['PAGE-1', 'PAGE-3', 'PAGE-4', 'PAGE-5', 'PAGE-7', 'PAGE-9'])
    expect(third.next_cursor).toBeUndefined()
  })

  test('labels choose machines, and all must hold', async () => {
    await send('POST', '', machine('L-1', { labels: { story: 'labels', role: 'db' } }))
    await send('POST', '', machine('L-2', { labels: { story: 'labels', role: 'web' } }))
    const serials = async (query: string) =>
      (await send('GET', `?${query}`)).body.machines.map(({ serial }: { serial: string }) => serial)
    expect(await serials('label=story=labels')).toEqual(['L-1', 'L-2'])
    expect(await serials('label=story=labels&label=role=web')).toEqual(['L-2'])
    expect(await serials('label=story=labels&label=role=none')).toEqual([])
  })

  test('an import takes JSON and CSV, and tells what came of it', async () => {
    const json = await send('POST', '/import', { machines: [machine('I-1'), machine('I-2')] })
    expect(json).toMatchObject({
      status: 200,
      body: { added: ['I-1', 'I-2'], updated: [], unchanged: [] },
    })
    const csv = await importCsv(
      [
        '\u{feff}serial;bmc_url;username;password;labels;protected',
        `I-1;https://i-1.bmc.test;root;${PASSWORD};;`,
        `I-2;https://i-2.bmc.test;root;${PASSWORD};"rack=2 row=b";yes`,
        `I-3;https://i-3.bmc.test;root;${PASSWORD};;`,
      ].join('\r\n'),
    )
    expect(await csv.json()).toEqual({ added: ['I-3'], updated: ['I-2'], unchanged: ['I-1'] })
    expect((await send('GET', '/I-2')).body).toMatchObject({
      labels: { rack: '2', row: 'b' },
      protected: true,
    })
  })

  test.each([
    ['a cell too many', `serial,password\nB-1,${PASSWORD},x\n`, 'machine.import', /line 2/],
    ['an unknown column', `serial,pass\nB-1,${PASSWORD}\n`, 'request.invalid', /the import/],
    ['no guess of ours', 'serial,protected\nB-1,maybe\n', 'request.invalid', /the import/],
  ])('a CSV with %s is refused whole', async (_, text, code, message) => {
    const answer = await importCsv(text)
    const body = (await answer.json()) as Answer['body']
    expect({ status: answer.status, body }).toMatchObject({
      status: 400,
      body: { code, message: expect.stringMatching(message) },
    })
    expect(JSON.stringify(body)).not.toContain(PASSWORD)
  })

  test('a CSV that is not UTF-8 is refused, not guessed', async () => {
    const text = new Uint8Array([...Buffer.from('serial\nB-'), 0xe4, 0x0a])
    const body = (await (await importCsv(text)).json()) as Answer['body']
    expect(body).toMatchObject({ code: 'machine.import', message: expect.stringMatching(/UTF-8/) })
  })

  test('aliases are given, found and taken away', async () => {
    await send('POST', '', machine('A-1'))
    expect(await send('POST', '/A-1/aliases', { alias: ' blue ' })).toMatchObject({
      status: 200,
      body: { aliases: ['blue'] },
    })
    expect((await send('GET', '/blue')).body.serial).toBe('A-1')
    expect((await send('POST', '/A-1/aliases', { alias: 'None' })).status).toBe(400)
    expect((await send('DELETE', '/A-1/aliases/blue')).body.aliases).toEqual([])
    expect((await send('DELETE', '/A-1/aliases/blue')).status).toBe(404)
  })

  test('a viewer reads, an operator changes', async () => {
    const login: Record<string, string> = {}
    for (const role of ['viewer', 'operator']) {
      const password = `password of ${role}`
      const user = { name: role, role, password }
      expect((await running.send('POST', '/api/v1/users', user)).status).toBe(201)
      login[role] = `Basic ${btoa(`${role}:${password}`)}`
    }
    const as = (role: string) => ({ Authorization: login[role] ?? '' })
    await send('POST', '', machine('R-1'))
    expect((await send('GET', '/R-1', undefined, as('viewer'))).status).toBe(200)
    const changes: [string, string, unknown?][] = [
      ['POST', '', machine('R-2')],
      ['PATCH', '/R-1', { protected: true }],
      ['POST', '/R-1/aliases', { alias: 'r' }],
      ['POST', '/R-1/probe'],
      ['POST', '/import', { machines: [] }],
      ['DELETE', '/R-1'],
    ]
    for (const [method, path, body] of changes) {
      expect((await send(method, path, body, as('viewer'))).status).toBe(403)
    }
    expect((await send('POST', '', machine('R-2'), as('operator'))).status).toBe(201)
  })
})

const controllers = [
  {
    personality: 'dell-r750',
    expected: {
      vendor: 'Dell',
      model: 'PowerEdge R750',
      profile: 'dell-idrac9',
      media_plan: 'two-cd',
    },
  },
  {
    personality: 'supermicro-x13',
    expected: {
      vendor: 'Supermicro',
      profile: 'supermicro',
      model: 'SYS-821GE-TNHR',
      media_plan: 'two-cd',
    },
  },
  {
    personality: 'hpe-dl360',
    expected: {
      vendor: 'HPE',
      model: expect.stringContaining('ProLiant DL360 Gen10 Plus'),
      profile: 'hpe-ilo5',
      profile_changes: ['boot target Cd'],
      media_plan: 'cd-usb',
    },
  },
]

test.each(controllers)(
  'a probe of $personality says what is there and changes nothing',
  async ({ personality, expected }) => {
    await using running = await startAppliance()
    await using simulator = await addSimulated(running, { personality })
    const [simulated] = simulator.machines
    const path = `/api/v1/machines/${simulated.serial}`
    const before = simulated.state()

    const probe = await running.send('POST', `${path}/probe`)
    expect(probe).toMatchObject({
      status: 200,
      body: {
        ...expected,
        firmware: expect.stringMatching(/\d/),
        redfish_version: expect.stringMatching(/^1\./),
        power: before.power,
        boot_override: { enabled: 'Disabled' },
        profile_because: expect.stringMatching(/.{10}/),
        media_plan_reason: expect.stringMatching(/.{10}/),
        warnings: expect.any(Array),
      },
    })
    expect(probe.body.drives.length).toBeGreaterThanOrEqual(2)

    const changes = simulated.requests.filter(
      ({ method, path: asked }) => !['GET', 'HEAD'].includes(method) && !asked.includes('Sessions'),
    )
    expect(changes).toEqual([])
    expect(simulated.state()).toEqual({ ...before, sessions: 0 })

    const known = await running.send('GET', path)
    expect(known.body.survey).toEqual(probe.body)
    const uuid: string = probe.body.uuid
    for (const name of [uuid, uuid.toUpperCase(), swapped(uuid)]) {
      expect((await running.send('GET', `/api/v1/machines/${name}`)).body.serial).toBe(
        simulated.serial,
      )
    }

    await running.send('POST', `${path}/aliases`, { alias: 'rack-7' })
    await running.send('POST', `${path}/probe`)
    const again = await running.send('GET', path)
    expect(again.body.aliases.toSorted()).toEqual([...known.body.aliases, 'rack-7'].toSorted())
  },
)

test('a probe of a controller that refuses the login says so, and keeps nothing', async () => {
  await using running = await startAppliance({ set: ['redfish.retries=1'] })
  await using simulator = await addSimulated(running, { personality: 'dell-r750' })
  const path = `/api/v1/machines/${simulator.machines[0].serial}`
  await running.send('PATCH', path, { password: 'wrong' })
  const answer = await running.send('POST', `${path}/probe`)
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.body).toMatchObject({ code: expect.stringMatching(/^redfish\./) })
  expect((await running.send('GET', path)).body.survey).toBeUndefined()
})

test('a job finds its machine by alias and by UUID in both byte orders', async () => {
  await using stage = await ready()
  const { running, machine: simulated } = stage
  const path = `/api/v1/machines/${simulated.serial}`
  const { uuid } = (await running.send('POST', `${path}/probe`)).body
  await running.send('POST', `${path}/aliases`, { alias: 'rack-7' })
  for (const name of ['rack-7', uuid, swapped(uuid).toUpperCase()]) {
    const id = await post(running, name)
    const job = await running.send('GET', `/api/v1/jobs/${id}`)
    expect(job.body.server_serial).toBe(simulated.serial)
    await running.send('POST', `/api/v1/jobs/${id}/cancel`)
  }
})

test('a machine with an active job stays; without one it goes, and its jobs remain', async () => {
  await using stage = await ready()
  const { running, machine: simulated } = stage
  const path = `/api/v1/machines/${simulated.serial}`
  const id = await post(running, simulated.serial)
  expect(await running.send('DELETE', path)).toMatchObject({
    status: 409,
    body: { code: 'machine.busy', message: expect.stringContaining(id) },
  })
  expect((await running.send('GET', path)).body.active_job).toBe(id)
  await running.until(id, complete)
  expect((await running.send('DELETE', path)).status).toBe(204)
  expect((await running.send('GET', `/api/v1/jobs/${id}`)).body.result).toBe('succeeded')
  expect(await running.send('POST', `/api/v1/jobs/${id}/retry`)).toMatchObject({
    status: 404,
    body: { code: 'machine.not-found' },
  })
})

test('a machine is removed though its cleanup never ended', async () => {
  await using stage = await ready({ script: 'silent' }, ['redfish.retries=1'])
  const { running, machine: simulated } = stage
  const id = await post(running, simulated.serial)
  await running.until(id, (job) => job.claimed_at !== undefined)
  simulated.faults.add(async () => ({ status: 503, headers: {}, body: undefined }))
  await running.send('POST', `/api/v1/jobs/${id}/cancel`)
  await running.until(id, complete, 30_000)
  expect((await running.send('DELETE', `/api/v1/machines/${simulated.serial}`)).status).toBe(204)
  const { body } = await running.send('GET', `/api/v1/jobs/${id}`)
  expect(body).toMatchObject({ result: 'canceled', cleanup: 'superseded' })
  running.clock.advance(60_000)
  expect(await running.tick()).toBe(0)
})

test('an address with a login in it is refused, and not repeated', async () => {
  await using running = await startAppliance()
  const { status, body } = await running.send('POST', '/api/v1/machines', {
    serial: 'L-1',
    bmc_url: 'https://root:canary@192.0.2.9',
    username: 'root',
    password: 'x',
  })
  expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_request' })
  expect(JSON.stringify(body)).not.toContain('canary')
})
