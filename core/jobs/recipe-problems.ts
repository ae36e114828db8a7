// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { RecipeProblem } from '../../schemas/recipe-input.ts'
import { type Fault, type FaultDetail, recipeFaults } from '../faults.ts'
import { didYouMean } from '../nearest.ts'
import { type JsonObject, knownNames } from './recipe-schema.ts'

/** More than this is not a help any more. */
const MOST_DETAILS = 50

/** No field's name is as long; a name of megabytes shall not come back whole. */
const LONGEST_NAME = 200

/** Names come from outside: printable and short before they stand in a message. */
const shown = (name: string) => name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 40)

/** Tells a problem as the API does: JSON pointer and dotted form. */
export function detail({ path, code, message }: RecipeProblem): FaultDetail {
  const pointer = path.map((key) => {
    const name = String(key).slice(0, LONGEST_NAME)
    return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
  })
  const field = path.map((key, index) => {
    if (typeof key === 'number') return `[${key}]`
    return index === 0 ? shown(key) : `.${shown(key)}`
  })
  return { path: pointer.join(''), field: field.join(''), code, message }
}

/** `recipe.invalid` with all that is wrong; the sentence quotes the first. */
export function invalidRecipe(problems: readonly RecipeProblem[]): Fault {
  const details = problems.slice(0, MOST_DETAILS).map(detail)
  const first = details[0]
  const others = problems.length - 1
  const more = others > 0 ? `; and ${others} more, see details` : ''
  const what = first ? `${first.field || 'the recipe'} ${first.message}` : 'it can not be read'
  return recipeFaults.invalid(`the recipe is not valid: ${what}${more}`, { details })
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  Object: 'an object',
  Array: 'a list',
  /** What `objectOnly` says of itself inside a union. */
  unknown: 'an object',
}

/** Sentence for an issue whose rule brings none. Valibot's own would quote the value: a secret, perhaps. */
function plainMessage(issue: v.BaseIssue<unknown>): string {
  if (issue.received === 'undefined') return 'is missing'
  const kinds = (issue.expected ?? '').replaceAll(/[()]/g, '').split(' | ')
  if (issue.kind !== 'schema') return 'is not allowed here'
  return `must be ${[...new Set(kinds.map((kind) => KINDS[kind] ?? kind))].join(' or ')}`
}

type Path = readonly (string | number)[]

const pathOf = (issue: v.BaseIssue<unknown>): (string | number)[] =>
  (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))

/** Valibot stops at the first unknown name of an object; this finds all. */
function unknownNames(part: JsonObject, at: Path, object: unknown): RecipeProblem[] {
  const known = knownNames(part, at)
  return (
    Object.keys(object ?? {})
      .filter((name) => !known.includes(name))
      // One more than is shown, so that the sentence says that there are others.
      .slice(0, MOST_DETAILS + 1)
      .map((name) => ({
        path: [...at, name],
        code: 'unknown_field',
        message: `is not a field of a recipe${didYouMean(shown(name), known)}`,
      }))
  )
}

function problemsOf(issue: v.BaseIssue<unknown>, part: JsonObject, at: Path): RecipeProblem[] {
  const path = [...at, ...pathOf(issue)]
  const last = issue.path?.at(-1)
  if (last?.origin === 'key' && issue.expected === 'never' && typeof last.input === 'object') {
    return unknownNames(part, path.slice(0, -1), last.input)
  }
  // A union without words of its own: what is wrong inside the object says more than "no object".
  const inside = issue.issues?.filter((sub) => sub.path) ?? []
  if (issue.type === 'union' && inside.length > 0 && issue.message === plainMessage(issue)) {
    return inside.flatMap((sub) => problemsOf(sub, part, path))
  }
  return [{ path, code: codeOf(issue), message: issue.message }]
}

/** Schemas that judge the value, not its kind. */
const VALUE_SCHEMAS = new Set(['picklist', 'literal', 'enum'])

function codeOf({ kind, type, received }: v.BaseIssue<unknown>): string {
  if (received === 'undefined') return 'missing'
  return kind === 'schema' && !VALUE_SCHEMAS.has(type) ? 'wrong_type' : 'invalid_value'
}

/** Parses by a workflow's strict schema. All problems at once; none of them quotes a secret. */
export function parseStrictly(
  schema: v.GenericSchema<unknown, unknown>,
  part: JsonObject,
  recipe: unknown,
): { readonly output: unknown; readonly problems: readonly RecipeProblem[] } {
  const result = v.safeParse(schema, recipe, { message: plainMessage })
  if (result.success) return { output: result.output, problems: [] }
  return {
    output: undefined,
    problems: result.issues.flatMap((issue) => problemsOf(issue, part, [])),
  }
}
