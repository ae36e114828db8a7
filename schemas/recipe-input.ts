// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The two published dialects of the recipe, and what documents about them spell otherwise, made
 * one: everything behind this file knows the normal form only. Pure; the input is not touched.
 */

/** What is wrong in a document, and where. Never holds a value. */
export interface RecipeProblem {
  readonly path: readonly (string | number)[]
  readonly code: string
  readonly message: string
}

export interface NormalisedRecipe {
  /** Still unchecked but for what normalising had to look at. */
  readonly recipe: Readonly<Record<string, unknown>>
  readonly problems: readonly RecipeProblem[]
}

/** Spelling → name in normal form. The last two stand in documents of the first controller only. */
const ALIASES: Readonly<Record<string, string>> = {
  recipe_version: 'schema_version',
  ks_cfg: 'ks.cfg',
  partitions: 'partition_layout',
  cloud_init: 'user_data',
}

/** Fields of both dialects: allowed in every recipe there, used by some targets only. */
export const DIALECT_FIELDS: ReadonlySet<string> = new Set([
  'target_disk',
  'oci_url',
  'firmware_url',
  'partition_layout',
  'user_data',
  'unattend_xml',
  'ks.cfg',
  'wim_index',
])

/** Deeper than any real recipe; a document made to exhaust the stack ends here. */
const DEEPEST = 32

/** Brings a recipe, as it came, into the normal form. */
export function normaliseRecipe(input: unknown): NormalisedRecipe {
  const problems: RecipeProblem[] = []
  const copy = copyJson(input, [], problems)
  if (!isObject(copy)) {
    return {
      recipe: {},
      problems: [{ path: [], code: 'wrong_type', message: 'must be an object' }],
    }
  }
  const recipe: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(copy)) {
    if (key !== '$schema' && !Object.hasOwn(ALIASES, key)) recipe[key] = value
  }
  for (const [spelling, name] of Object.entries(ALIASES)) {
    if (!Object.hasOwn(copy, spelling)) continue
    if (!Object.hasOwn(recipe, name)) recipe[name] = copy[spelling]
    else if (!sameJson(recipe[name], copy[spelling])) {
      const message = `is another spelling of ${name} and says something else: keep one of them`
      problems.push({ path: [spelling], code: 'contradiction', message })
    }
  }
  if (isLines(recipe['notes'])) recipe['notes'] = recipe['notes'].join('\n')
  return { recipe, problems }
}

/** A copy of what JSON can hold; what it can not, or what would not survive, becomes a problem. */
function copyJson(value: unknown, path: (string | number)[], problems: RecipeProblem[]): unknown {
  const wrong = (code: string, message: string) => {
    problems.push({ path: [...path], code, message })
    return undefined
  }
  if (typeof value === 'string') {
    return value.isWellFormed() ? value : wrong('bad_text', 'holds half a surrogate pair')
  }
  if (typeof value !== 'object' || value === null) return value
  if (path.length >= DEEPEST) return wrong('too_deep', `is nested deeper than ${DEEPEST} levels`)
  if (Array.isArray(value)) {
    return value.map((item, index) => copyJson(item, [...path, index], problems))
  }
  const copy: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    const at = [...path, key]
    // `constructor`, `__proto__` and their like would be lost or change meaning on the way.
    if (key in Object.prototype || !key.isWellFormed()) {
      problems.push({ path: at, code: 'bad_name', message: 'is a name that can not be used' })
    } else if (member !== undefined) copy[key] = copyJson(member, at, problems)
  }
  return copy
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isLines = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((line) => typeof line === 'string')

/** Equal as JSON, whatever the order of names. */
function sameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameJson(item, b[index]))
  }
  if (!isObject(a) || !isObject(b)) return a === b
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
  )
}
