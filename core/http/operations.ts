// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Version } from '../../schemas/version.ts'
import type { OperationTable } from './operation.ts'

const Healthy = v.object({ ok: v.literal(true) })
const Readiness = v.object({
  ready: v.boolean(),
  /** `ok`, or what is wrong. */
  checks: v.object({ database: v.string(), storage: v.string(), plugins: v.string() }),
})
const JsonDocument = v.record(v.string(), v.unknown())

export const applianceOperations: OperationTable = {
  tag: 'appliance',
  about: 'The appliance itself.',
  schemas: { Version, Readiness },
  operations: [
    {
      ...{ method: 'get', path: '/healthz', id: 'health', access: 'anyone' },
      summary: 'The process answers',
      answers: { 200: { says: 'it does', schema: Healthy } },
    },
    {
      ...{ method: 'get', path: '/readyz', id: 'readiness', access: 'anyone' },
      summary: 'Database, storage and every plugin can serve',
      answers: {
        200: { says: 'they can', schema: Readiness },
        503: { says: 'the first that can not says why', schema: Readiness },
      },
    },
    {
      ...{ method: 'get', path: '/api/v1/version', id: 'version', access: 'viewer' },
      summary: 'What this program is',
      answers: { 200: { says: 'version and commit', schema: Version } },
    },
    {
      ...{ method: 'get', path: '/api/v1/ca.pem', id: 'caCertificate', access: 'anyone' },
      summary: 'The CA that vouches for this appliance',
      answers: { 200: { says: 'PEM', types: ['application/x-pem-file'] } },
    },
    {
      ...{ method: 'get', path: '/api/v1/recipe.schema.json', id: 'recipeSchema' },
      access: 'anyone',
      summary: 'What a recipe may hold, as JSON Schema draft-07',
      answers: { 200: { says: 'the union over all task targets', schema: JsonDocument } },
    },
    {
      ...{ method: 'get', path: '/api/v1/openapi.json', id: 'openApi', access: 'anyone' },
      summary: 'This document',
      answers: { 200: { says: 'OpenAPI 3.1', schema: JsonDocument } },
    },
  ],
}
