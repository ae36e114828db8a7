// SPDX-License-Identifier: AGPL-3.0-or-later
import { toJsonSchema } from '@valibot/to-json-schema'
import type * as v from 'valibot'

export type JsonObject = Readonly<Record<string, unknown>>

/**
 * One workflow's part as JSON Schema draft-07. Throws for rules that JSON Schema can not say,
 * so that the published schema never promises less or more than what is checked.
 */
export function schemaPart(recipe: v.GenericSchema<unknown, unknown>): JsonObject {
  const { $schema: _, ...part } = toJsonSchema(recipe, {
    target: 'draft-07',
    // `objectOnly` says "no list" before the object: draft-07 says so by `type`.
    typeMode: 'output',
    overrideAction: ({ valibotAction, jsonSchema }) =>
      valibotAction.type === 'max_code_points' && 'requirement' in valibotAction
        ? { ...jsonSchema, maxLength: valibotAction.requirement as number }
        : undefined,
  })
  return part as JsonObject
}

/** The published schema: the parts of all enabled targets, told apart by `task_target`. */
export function publishSchema(parts: ReadonlyMap<string, JsonObject>): JsonObject {
  const targets = [...parts.keys()].sort()
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'urn:slipway:recipe:1',
    title: 'Slipway recipe',
    description: 'What to install on a machine, in normal form.',
    type: 'object',
    required: ['task_target'],
    properties: { task_target: { enum: targets } },
    oneOf: targets.map((target) => ({ title: target, ...parts.get(target) })),
  }
}

const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The alternatives of a schema, itself included. */
function alternatives(schema: JsonObject): JsonObject[] {
  const further = [schema['anyOf'], schema['oneOf']].flat().filter(isJsonObject)
  return [schema, ...further.flatMap(alternatives)]
}

function below(schema: JsonObject, key: string | number): JsonObject[] {
  const properties = schema['properties']
  const named = isJsonObject(properties) && Object.hasOwn(properties, key)
  const next = named
    ? properties[key]
    : ((typeof key === 'number' ? schema['items'] : undefined) ?? schema['additionalProperties'])
  return isJsonObject(next) ? alternatives(next) : []
}

/** The names that an object at this place of the document may have. */
export function knownNames(part: JsonObject, path: readonly (string | number)[]): string[] {
  let here = alternatives(part)
  for (const key of path) here = here.flatMap((schema) => below(schema, key))
  const names = here.flatMap(({ properties }) =>
    isJsonObject(properties) ? Object.keys(properties) : [],
  )
  return [...new Set(names)]
}
