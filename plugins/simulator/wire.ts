// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ServerResponse } from 'node:http'

/** A Redfish resource, or any JSON object. */
export type Resource = Readonly<Record<string, unknown>>

/** One request as a controller sees it. */
export interface Asked {
  /** Upper case. */
  readonly method: string
  /** Without query, as it came: a trailing slash is kept. */
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The body's text; '' when none came. */
  readonly text: string
}

/** What a controller answers; without a body nothing but headers is sent. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Writes the answer itself, whatever the rest says: for what is no answer of a Redfish service. */
  readonly write?: (response: ServerResponse) => void
}

/** Narrows parsed JSON to an object that is neither null nor an array. */
export const isResource = (value: unknown): value is Resource =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The object at `key`, or an empty one. */
export function part(resource: Resource, key: string): Resource {
  const value = resource[key]
  return isResource(value) ? value : {}
}

/** The text at `key`, or ''. */
export function text(resource: Resource, key: string): string {
  const value = resource[key]
  return typeof value === 'string' ? value : ''
}

/** The texts in the list at `key`; undefined when there is no list. */
export function texts(resource: Resource, key: string): readonly string[] | undefined {
  const value = resource[key]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined
}
