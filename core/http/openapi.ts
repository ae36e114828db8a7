// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ConversionConfig, toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema'
import { ProblemView } from '../../schemas/problem.ts'
import { definedFaults } from '../faults.ts'
import type { Access, AnySchema, ObjectSchema, Operation, OperationTable } from './operation.ts'

type Json = Readonly<Record<string, unknown>>

/** What the parameters of paths mean, by name. */
const PARAMETERS: Readonly<Record<string, string>> = {
  id: 'id of the job',
  serial: 'serial or alias of the machine',
  name: 'name of the user',
  alias: 'further name of the machine',
  policy: 'name of the policy',
  token: 'secret of the job’s own URL',
}

const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'the admin token, or a JWT of the configured issuer',
  },
  basic: { type: 'http', scheme: 'basic', description: 'name and password of a user' },
  jobToken: { type: 'http', scheme: 'bearer', description: 'the token on the task ISO of the job' },
  webhookSecret: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Webhook-Secret',
    description: 'the token of the job, or the configured `webhook.secret`',
  },
} as const

const LOGIN = [{ bearer: [] }, { basic: [] }]
const TOKEN = [{ jobToken: [] }, { webhookSecret: [] }]
const SECURITY: Readonly<Record<Access, readonly object[]>> = {
  ...{ viewer: LOGIN, operator: LOGIN, admin: LOGIN },
  ...{ job: TOKEN, webhook: TOKEN, anyone: [], url: [] },
}

const isRole = (access: Access) => SECURITY[access] === LOGIN

/** Throws for rules that JSON Schema can not say, but for those that only tidy what came. */
const conversion = (definitions: Readonly<Record<string, AnySchema>>): ConversionConfig => ({
  target: 'draft-2020-12',
  typeMode: 'input',
  definitions: { ...definitions },
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  ignoreActions: ['trim', 'to_lower_case', 'to_upper_case', 'check'],
})

/** JSON Schema with the named schemas referred to. */
type Convert = (schema: AnySchema) => Json

function converter(definitions: Readonly<Record<string, AnySchema>>): Convert {
  const config = conversion(definitions)
  return (schema) => {
    const { $schema: _, $defs: __, ...rest } = toJsonSchema(schema, config)
    return rest
  }
}

/** All codes of an operation: its own, and those that follow from what it takes. */
export function faultsOf(operation: Operation): readonly string[] {
  const { access, body, bodyTypes, query, headers, faults = [] } = operation
  const login = ['auth.unauthorized', 'auth.throttled', 'auth.busy']
  return [
    ...(isRole(access) ? login : []),
    ...(access === 'operator' || access === 'admin' ? ['auth.forbidden'] : []),
    ...(access === 'job' || access === 'webhook' ? ['webhook.unauthorized'] : []),
    ...(body || query || headers ? ['request.invalid'] : []),
    ...(body ? ['request.json'] : []),
    ...(body || bodyTypes ? ['request.too-large'] : []),
    ...faults,
  ]
}

function refusals(operation: Operation): Json {
  const byStatus = Map.groupBy(faultsOf(operation), (code) => {
    const kind = definedFaults.get(code)
    if (!kind) throw new Error(`${operation.id}: there is no fault ${code}`)
    return kind.status
  })
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      { description: codes.map((code) => `\`${code}\``).join(', '), ...problemContent },
    ]),
  )
}

const problemContent = {
  content: { 'application/json': { schema: { $ref: '#/components/schemas/ProblemView' } } },
}

function parametersOf(operation: Operation, convert: Convert): readonly Json[] {
  const inPath = [...operation.path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true },
    description: PARAMETERS[name] ?? name,
    schema: { type: 'string' },
  }))
  const named = (place: 'query' | 'header', schema: ObjectSchema | undefined) =>
    Object.entries((schema?.entries ?? {}) as Readonly<Record<string, AnySchema>>).map(
      ([name, entry]) => {
        const { description, ...rest } = convert(entry)
        const required = !['optional', 'exact_optional'].includes(entry.type)
        return { name, in: place, required, description, schema: rest }
      },
    )
  return [...inPath, ...named('query', operation.query), ...named('header', operation.headers)]
}

const binary = (type: string) => [type, { schema: { type: 'string' } }] as const

function bodyOf({ body, bodyTypes = [], bodyOptional }: Operation, convert: Convert) {
  if (!body && bodyTypes.length === 0) return {}
  const json = body ? [['application/json', { schema: convert(body) }] as const] : []
  const content = Object.fromEntries([...json, ...bodyTypes.map(binary)])
  return { requestBody: { required: !bodyOptional, content } }
}

function answersOf(operation: Operation, convert: Convert): Json {
  const answers = Object.entries(operation.answers).map(
    ([status, { says, schema, types = [] }]) => {
      const json = schema ? [['application/json', { schema: convert(schema) }] as const] : []
      const content = Object.fromEntries([...json, ...types.map(binary)])
      const body = Object.keys(content).length > 0 ? { content } : {}
      return [status, { description: says, ...body }]
    },
  )
  return {
    ...Object.fromEntries(answers),
    ...refusals(operation),
    default: { description: 'any other refusal', ...problemContent },
  }
}

function described(table: OperationTable, operation: Operation, convert: Convert): Json {
  const { id, summary, about, access } = operation
  return {
    operationId: id,
    tags: [table.tag],
    summary,
    ...(about ? { description: about } : {}),
    ...(isRole(access) ? { 'x-role': access } : {}),
    security: SECURITY[access],
    parameters: parametersOf(operation, convert),
    ...bodyOf(operation, convert),
    responses: answersOf(operation, convert),
  }
}

/** `/api/v1/jobs/:id` as OpenAPI writes it. */
export const templateOf = (path: string): string => path.replace(/:(\w+)/g, '{$1}')

/** The whole API as an OpenAPI 3.1 document. Throws when a table names a fault that does not exist. */
export function openApiDocument(tables: readonly OperationTable[], version: string): Json {
  const definitions: Record<string, AnySchema> = { ProblemView }
  for (const { schemas } of tables) Object.assign(definitions, schemas)
  const convert = converter(definitions)
  const paths: Record<string, Record<string, Json>> = {}
  for (const table of tables) {
    for (const operation of table.operations) {
      const path = templateOf(operation.path)
      paths[path] = { ...paths[path], [operation.method]: described(table, operation, convert) }
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Slipway',
      version,
      summary: 'Bare-metal provisioning appliance',
      license: { name: 'AGPL-3.0-or-later', identifier: 'AGPL-3.0-or-later' },
    },
    servers: [{ url: '/' }],
    tags: tables.map(({ tag, about }) => ({ name: tag, description: about })),
    paths,
    components: {
      schemas: toJsonSchemaDefs(definitions, conversion(definitions)),
      securitySchemes: SECURITY_SCHEMES,
    },
  }
}
