// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020'
import addFormats from 'ajv-formats'
import { digest } from '../core/seal.ts'
import { writeSampleBootIso } from '../plugins/iso/index.ts'
import { addSimulated, linuxRecipe, type RunningAppliance, startAppliance } from './harness.ts'
import { randomOf, type Schema, type Values, valuesFor } from './openapi-values.ts'
import { complete } from './stage.ts'

const SEEDS = [1, 2, 3, 4, 5]
const JOB_TOKEN = 'b'.repeat(64)

interface Described {
  readonly operationId: string
  readonly security: readonly Readonly<Record<string, unknown>>[]
  readonly parameters: readonly { name: string; in: string; required: boolean; schema: Schema }[]
  readonly requestBody?: { content: Record<string, { schema: Schema }> }
  readonly responses: Record<
    string,
    { description: string; content?: Record<string, { schema: Schema }> }
  >
}
interface Operation extends Described {
  readonly method: string
  readonly path: string
}

let running: RunningAppliance
// biome-ignore lint/suspicious/noExplicitAny: a document as any client reads it
let document: any
let operations: readonly Operation[]

beforeAll(async () => {
  running = await startAppliance()
  const response = await running.appliance.apps.api.request('/api/v1/openapi.json')
  document = await response.json()
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Described>).map(([method, operation]) => ({
      ...operation,
      ...{ path, method: method.toUpperCase() },
    })),
  )
}, 30_000)
afterAll(() => running[Symbol.asyncDispose]())

test('everyone may read it, and a validator of OpenAPI 3.1 finds no fault', async () => {
  const result = await new Validator().validate(structuredClone(document))
  expect(result.errors).toBeUndefined()
  expect(result.valid).toBe(true)
  expect(document.openapi).toBe('3.1.0')
  const { info: _, ...broken } = structuredClone(document)
  expect((await new Validator().validate(broken)).valid).toBe(false)
})

test('what is mounted is described, and nothing else', () => {
  const { api, field, mutual } = running.appliance.apps
  const mounted = [...api.routes, ...field.app.routes, ...mutual.routes]
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  const described = operations.map(({ method, path }) => `${method} ${path}`)
  expect(described.toSorted()).toEqual([...new Set(mounted)].toSorted())
})

test('operation ids are unique, and every named schema is used', () => {
  const ids = operations.map(({ operationId }) => operationId)
  expect(new Set(ids).size).toBe(ids.length)
  const text = JSON.stringify(document)
  const unused = Object.keys(document.components.schemas).filter(
    // A schema of something that is no JSON body is spoken of.
    (name) => !text.includes(`"#/components/schemas/${name}"`) && !text.includes(`\`${name}\``),
  )
  expect(unused).toEqual([])
})

const LOGIN_ROLES = ['viewer', 'operator', 'admin']

test('the role that is told is the one that is asked for', async () => {
  for (const role of LOGIN_ROLES) {
    const name = `of-${role}`
    await running.send('POST', '/api/v1/users', { name, role, password: 'a long password' })
  }
  for (const operation of operations) {
    const told = (operation as unknown as Record<string, string>)['x-role']
    if (!told) continue
    const path = operation.path.replace(/\{\w+\}/g, 'none')
    for (const [rank, role] of LOGIN_ROLES.entries()) {
      const login = Buffer.from(`of-${role}:a long password`).toString('base64')
      const { status } = await ask(operation.method, path, undefined, {
        Authorization: `Basic ${login}`,
      })
      expect({ operation: operation.operationId, role, refused: status === 403 }).toEqual({
        ...{ operation: operation.operationId, role },
        refused: rank < LOGIN_ROLES.indexOf(told),
      })
    }
    const { status } = await ask(operation.method, path, undefined, { Authorization: '' })
    expect({ operation: operation.operationId, status }).toEqual({
      operation: operation.operationId,
      status: 401,
    })
  }
}, 60_000)

const bytesOf = (body: unknown) =>
  typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)

/** As `send`, on whichever listener has the path; a stream is looked at and left. */
async function ask(method: string, path: string, body: unknown, headers: Record<string, string>) {
  const { api, field } = running.appliance.apps
  const response = await (path.startsWith('/booted/') ? field.app : api).request(path, {
    ...{ method, headers },
    ...(body === undefined ? {} : { body: bytesOf(body) }),
  })
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? ''
  if (type !== 'application/json') await response.body?.cancel()
  const answer = type === 'application/json' ? await response.json() : undefined
  return { status: response.status, type, answer }
}

/** Refuses fields that the document does not tell: for clients they may come, in ours they may not. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, strict(value)]),
  )
  const closed = 'properties' in inner && !('additionalProperties' in inner)
  return closed ? { ...inner, additionalProperties: false } : inner
}

const compiled = new Map<string, ValidateFunction>()
let ajv: Ajv2020 | undefined

/** What is wrong with the value, by a validator that is none of ours. */
function judge(schema: Schema, value: unknown): string | undefined {
  if (!ajv) {
    ajv = new Ajv2020({ strict: false, allErrors: true })
    addFormats(ajv)
    const { components } = document
    ajv.addSchema({ $id: 'https://slipway.test/api', components: strict(components) as object })
  }
  const text = JSON.stringify(strict(schema)).replaceAll('"#/', '"https://slipway.test/api#/')
  const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text))
  compiled.set(text, validate)
  return validate(value) ? undefined : ajv.errorsText(validate.errors)
}

/** Operations that went well in some test. */
const succeeded = new Set<string>()

/** Is this answer one that the document promises? Codes of plugins come under `default`. */
function complaint(
  operation: Operation,
  answer: Awaited<ReturnType<typeof ask>>,
): string | undefined {
  if (answer.status < 300) succeeded.add(operation.operationId)
  const told = operation.responses[answer.status]
  const code = (answer.answer as { code?: string } | undefined)?.code
  const ofPlugin = code !== undefined && /^(redfish|media|payloads?|iso)\./.test(code)
  if (!told && !ofPlugin) return `status ${answer.status} ${code} is not told`
  if (code !== undefined && told && !ofPlugin && !told.description.includes(`\`${code}\``)) {
    return `code ${code} is not told of status ${answer.status}`
  }
  const content = (told ?? operation.responses['default'])?.content
  if (!content) return answer.answer === undefined ? undefined : 'a body is not told'
  const media = content[answer.type]
  if (!media) return `a body of ${answer.type} is not told`
  return answer.type === 'application/json' ? judge(media.schema, answer.answer) : undefined
}

let made = 0
async function freshMachine(): Promise<string> {
  const serial = `OA-${++made}`
  const { status } = await running.send('POST', '/api/v1/machines', {
    ...{ serial, username: 'root', password: 'p', bmc_url: `https://127.0.0.1:${10_000 + made}` },
    aliases: [`${serial}-alias`],
  })
  expect(status).toBe(201)
  return serial
}

/** A job whose machine may call; what it would say with the token of its task ISO. */
async function freshJob(): Promise<{ id: string; serial: string }> {
  const serial = await freshMachine()
  const request = { server_serial: serial, recipe: linuxRecipe }
  const { body } = await running.send('POST', '/api/v1/jobs', request)
  const { client } = running.appliance.db
  await client.execute({
    sql: 'update jobs set token_digest = id where token_digest = ?',
    args: [digest(JOB_TOKEN)],
  })
  await client.execute({
    sql: "update jobs set token_digest = ?, status = 'provisioning', powered_on_at = 1 where id = ?",
    args: [digest(JOB_TOKEN), body.job_id],
  })
  return { id: body.job_id, serial }
}

/** An image under a tag that has moved, an upload and a task of the registry. */
async function freshOci(path: string): Promise<Record<string, string>> {
  const name = `t/oa-${++made}`
  const put = async (annotation: string) => {
    const text = JSON.stringify({
      ...{ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json' },
      ...{ manifests: [], annotations: { annotation } },
    })
    const type = { 'Content-Type': 'application/vnd.oci.image.index.v1+json' }
    const { status } = await running.send('PUT', `/v2/${name}/manifests/1.0`, text, type)
    expect(status).toBe(201)
  }
  await put('first')
  await put('second')
  const { headers } = await running.send('POST', `/v2/${name}/blobs/uploads/`)
  const { body } = await running.send('GET', '/api/v1/oci/tasks')
  let [task] = body.tasks
  if (!task) task = (await running.send('POST', '/api/v1/oci/retention/apply')).body
  const upload = headers.get('docker-upload-uuid') ?? ''
  return { name, tag: '1.0', reference: '1.0', id: path.includes('/tasks/') ? task.id : upload }
}

/** Path parameters that name something. */
async function existing(path: string): Promise<Record<string, string>> {
  if (path.includes('/jobs/{id}') || path.includes('/claim/')) return freshJob()
  if (path.includes('status-webhook')) return freshJob()
  if (path.includes('{serial}')) {
    const serial = await freshMachine()
    return { serial, alias: `${serial}-alias` }
  }
  if (path.includes('{policy}')) {
    const policy = { repositories: ['os/**'], users: ['*'], actions: ['pull'] }
    const { status } = await running.send('PUT', '/api/v1/oci/policies/os', policy)
    expect(status).toBe(200)
    return { policy: 'os' }
  }
  if (path.includes('/oci/')) return freshOci(path)
  const name = `user-${++made}`
  if (path.includes('{name}')) {
    const user = { name, role: 'viewer', password: 'a long password' }
    expect((await running.send('POST', '/api/v1/users', user)).status).toBe(201)
  }
  return { name, token: 'c'.repeat(32) }
}

const authorization = ({ security }: Operation) =>
  security.some((each) => 'jobToken' in each) ? JOB_TOKEN : running.adminToken

interface Manner {
  /** Path parameters name something that is there. */
  readonly real: boolean
  /** Optional parameters are sent. */
  readonly full: boolean
}

async function request(operation: Operation, values: Values, body: unknown, manner: Manner) {
  const known = manner.real ? await existing(operation.path) : {}
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(known[name] ?? String(values.valid({ type: 'string', minLength: 1 }))),
  )
  const given = (place: string) =>
    operation.parameters.filter((each) => each.in === place && (each.required || manner.full))
  const query = new URLSearchParams()
  for (const { name, schema } of given('query')) {
    // A cursor is what a list gave out, and nothing else.
    if (name === 'cursor') continue
    for (const value of [values.valid(schema)].flat()) query.append(name, String(value))
  }
  const headers: Record<string, string> = { Authorization: `Bearer ${authorization(operation)}` }
  for (const { name, schema } of given('header')) headers[name] = String(values.valid(schema))
  return ask(operation.method, `${path}${query.size > 0 ? `?${query}` : ''}`, body, headers)
}

const jsonBody = ({ requestBody }: Operation) => requestBody?.content['application/json']?.schema

test('requests made from the document are taken, and answered as it says', async () => {
  const complaints: string[] = []
  for (const seed of SEEDS) {
    for (const operation of operations) {
      const values = valuesFor(document, randomOf(seed * 1_000 + operations.indexOf(operation)))
      const schema = jsonBody(operation)
      const manner = { real: seed > 1, full: seed % 2 === 0 }
      const answer = await request(operation, values, schema && values.valid(schema), manner)
      const code = (answer.answer as { code?: string } | undefined)?.code ?? ''
      const wrong = /^(request\.(json|invalid)|server\.error)$/.test(code)
        ? `a request after the schema was refused: ${JSON.stringify(answer.answer)}`
        : complaint(operation, answer)
      if (wrong) complaints.push(`${operation.operationId} (seed ${seed}): ${wrong}`)
    }
  }
  expect(complaints).toEqual([])
}, 120_000)

test('requests that break the schema are refused with a code, each for itself', async () => {
  const complaints: string[] = []
  let count = 0
  for (const operation of operations) {
    const schema = jsonBody(operation)
    if (!schema) continue
    const values = valuesFor(document, randomOf(7_000 + operations.indexOf(operation)))
    for (const { name, value } of values.invalid(schema)) {
      count++
      const answer = await request(operation, values, value, { real: true, full: false })
      const problem = answer.answer as { code?: string; details?: unknown[] } | undefined
      const wrong =
        answer.status < 400 || answer.status >= 500 || !problem?.code
          ? `answered ${answer.status} ${JSON.stringify(problem)}`
          : complaint(operation, answer)
      if (wrong) complaints.push(`${operation.operationId} with ${name}: ${wrong}`)
    }
  }
  expect(complaints).toEqual([])
  expect(count).toBeGreaterThan(80)
}, 120_000)

describe('what a real job, controller and image answer', () => {
  const answered = async (
    id: string,
    params: Record<string, string>,
    body?: unknown,
    query = '',
    more: Readonly<Record<string, string>> = {},
  ) => {
    const operation = operations.find(({ operationId }) => operationId === id)
    if (!operation) throw new Error(`no operation ${id}`)
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '')
    const headers = { Authorization: `Bearer ${authorization(operation)}`, ...more }
    const answer = await ask(operation.method, path + query, body, headers)
    expect({ id, complaint: complaint(operation, answer) }).toEqual({ id, complaint: undefined })
    return answer
  }

  test('from the upload to the end of the job, every answer is as told', async () => {
    const iso = join(running.dataDir, 'tmp', 'boot.iso')
    await writeSampleBootIso(iso)
    expect((await answered('putMaintenance', {}, await Bun.file(iso).bytes())).status).toBe(200)
    expect((await answered('getMaintenance', {})).status).toBe(200)
    await using simulator = await addSimulated(running, { personality: 'dell-r750' })
    const simulated = simulator.machines[0].serial
    // What reads the controller of a machine, and nothing else.
    const reads = operations.filter(
      ({ method, path, requestBody }) =>
        method === 'POST' && path.startsWith('/api/v1/machines/{serial}/') && !requestBody,
    )
    expect(reads.map(({ operationId }) => operationId)).toContain('probeMachine')
    for (const { operationId } of reads) {
      expect((await answered(operationId, { serial: simulated })).status).toBe(200)
    }
    expect((await answered('getMachine', { serial: simulated })).answer).toHaveProperty('survey')
    const submit = { server_serial: simulated, recipe: linuxRecipe }
    expect((await answered('submitJob', {}, submit, '?dry_run=true')).status).toBe(200)
    const { status, answer } = await answered('submitJob', {}, submit)
    expect(status).toBe(202)
    const ended = (answer as { job_id: string }).job_id
    await running.until(ended, complete)
    const job = (await answered('getJob', { id: ended })).answer as Record<string, unknown[]>
    expect(job['evidence']?.length).toBeGreaterThan(3)
    expect(job['media']?.length).toBeGreaterThan(1)
    for (const id of ['readJobLog', 'watchJob', 'readJobTranscript']) {
      expect((await answered(id, { id: ended })).status).toBe(200)
    }
    expect((await answered('getMachine', { serial: simulated })).answer).toHaveProperty('inventory')
    expect((await answered('retryJob', { id: ended })).status).toBe(202)
    await running.appliance.db.client.execute({
      sql: 'update jobs set booted_token_digest = ? where id = ?',
      args: [digest(JOB_TOKEN), ended],
    })
    expect((await answered('reportBoot', { token: JOB_TOKEN })).status).toBe(200)
    expect((await answered('removeMaintenance', {})).status).toBe(204)
  }, 60_000)

  test('an import is answered as told, in both its forms', async () => {
    const row = {
      serial: 'OA-IMPORT',
      bmc_url: 'https://127.0.0.1:7',
      username: 'u',
      password: 'p',
    }
    const json = await answered('importMachines', {}, { machines: [row] })
    expect(json.answer).toEqual({ added: ['OA-IMPORT'], updated: [], unchanged: [] })
    const csv = `${Object.keys(row).join(',')}\n${Object.values(row).join(',')}\n`
    const type = { 'Content-Type': 'text/csv' }
    const again = await answered('importMachines', {}, csv, '', type)
    expect(again.answer).toEqual({ added: [], updated: [], unchanged: ['OA-IMPORT'] })
  })

  test('pages of lists carry a cursor that the next call takes', async () => {
    for (const id of ['listJobs', 'listMachines', 'listAudit']) {
      const { answer } = await answered(id, {}, undefined, '?limit=1')
      const { next_cursor: cursor } = answer as { next_cursor?: string }
      expect({ id, cursor }).toEqual({ id, cursor: expect.any(String) })
      expect((await answered(id, {}, undefined, `?limit=1&cursor=${cursor}`)).status).toBe(200)
    }
  })
})

test('every operation went well at least once, and its answer was as told', () => {
  const ids = operations.map(({ operationId }) => operationId)
  expect(ids.filter((id) => !succeeded.has(id))).toEqual([])
})
