// SPDX-License-Identifier: AGPL-3.0-or-later
import type * as v from 'valibot'
import type { Role } from '../auth/auth.ts'

// biome-ignore lint/suspicious/noExplicitAny: valibot's own base type needs `any` for its issue
export type AnySchema = v.GenericSchema<any, any>
// biome-ignore lint/suspicious/noExplicitAny: as above
export type ObjectSchema = v.ObjectSchema<any, any>

/**
 * Who may call: a role and all above it; anyone; a machine with the token of its job (`job`), or with
 * that, a webhook secret or a client certificate (`webhook`); whoever knows the URL (`url`).
 */
export type Access = Role | 'anyone' | 'job' | 'webhook' | 'url'

export interface OperationAnswer {
  readonly says: string
  /** Of a JSON body. */
  readonly schema?: AnySchema
  /** Media types of a body that is no JSON. */
  readonly types?: readonly string[]
}

/** One route as the API's document tells it. Faults that follow from the rest are not repeated. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** As it is mounted: `/api/v1/jobs/:id`. */
  readonly path: string
  /** `operationId`: what generated clients call it. */
  readonly id: string
  readonly summary: string
  readonly about?: string
  readonly access: Access
  readonly query?: ObjectSchema
  readonly headers?: ObjectSchema
  /** Of the JSON body. */
  readonly body?: AnySchema
  /** The body may be left out. */
  readonly bodyOptional?: true
  /** Further media types of the body. */
  readonly bodyTypes?: readonly string[]
  /** By status, 2xx and what is no fault. */
  readonly answers: Readonly<Record<number, OperationAnswer>>
  /** Codes of this route's own faults. */
  readonly faults?: readonly string[]
}

/** The operations of one area, with the schemas that the document gives a name. */
export interface OperationTable {
  readonly tag: string
  readonly about: string
  readonly schemas: Readonly<Record<string, AnySchema>>
  readonly operations: readonly Operation[]
}
