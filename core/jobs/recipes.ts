// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { type Recipe, TaskTarget } from '../../schemas/recipe.ts'
import { DIALECT_FIELDS, normaliseRecipe, type RecipeProblem } from '../../schemas/recipe-input.ts'
import { recipeFaults } from '../faults.ts'
import type { Hooks } from '../hooks.ts'
import { didYouMean } from '../nearest.ts'
import { detail, invalidRecipe, parseStrictly } from './recipe-problems.ts'
import { type JsonObject, knownNames, publishSchema, schemaPart } from './recipe-schema.ts'
import type { Workflow } from './run.ts'

export interface ParsedRecipe {
  /** In normal form, defaults filled in; payloads not yet resolved. */
  readonly recipe: Recipe
  readonly workflow: Workflow
  /** What was left out of the recipe because this task target has no use for it. */
  readonly warnings: readonly string[]
}

/** The recipe's only way in, and the schema that says what it may hold. */
export interface Recipes {
  /** Throws `recipe.invalid` with every problem, or `recipe.unsupported`. */
  parse(input: unknown): ParsedRecipe
  /** The published draft-07 schema of all enabled task targets. The same object until a plugin comes or goes. */
  schema(): Readonly<Record<string, unknown>>
}

export function createRecipes(hooks: Pick<Hooks, 'workflow' | 'targets'>): Recipes {
  const parts = new WeakMap<Workflow, JsonObject>()
  const partOf = (workflow: Workflow): JsonObject => {
    const part = parts.get(workflow) ?? schemaPart(workflow.recipe)
    parts.set(workflow, part)
    return part
  }
  const known = () => [...new Set(hooks.targets.call([]))].sort()
  let published: { readonly of: readonly Workflow[]; readonly schema: JsonObject } | undefined

  return {
    parse(input) {
      const { recipe, problems } = normaliseRecipe(input)
      const target = v.safeParse(TaskTarget, recipe['task_target'])
      if (!target.success) throw invalidRecipe([...problems, targetProblem(recipe, known())])
      const workflow = hooks.workflow.call(target.output)
      if (!workflow) throw unsupported(target.output, known())
      const part = partOf(workflow)
      const { used, warnings } = dropUnused(recipe, target.output, knownNames(part, []))
      const strict = parseStrictly(workflow.recipe, part, used)
      const all = [...problems, ...strict.problems]
      if (all.length > 0) throw invalidRecipe(all)
      const parsed = strict.output as Recipe
      workflow.check(parsed)
      return { recipe: parsed, workflow, warnings }
    },

    schema() {
      const workflows = known().flatMap((target) => hooks.workflow.call(target) ?? [])
      const same =
        published?.of.length === workflows.length &&
        workflows.every((workflow, index) => workflow === published?.of[index])
      if (!published || !same) {
        const schema = publishSchema(new Map(workflows.map((each) => [each.target, partOf(each)])))
        published = { of: workflows, schema }
      }
      return published.schema
    },
  }
}

const listed = (targets: readonly string[]) => targets.join(', ') || 'none'

function targetProblem(recipe: JsonObject, targets: readonly string[]): RecipeProblem {
  const given = recipe['task_target'] !== undefined
  const message = `${given ? 'must be' : 'is missing:'} one of ${listed(targets)}`
  return { path: ['task_target'], code: given ? 'invalid_value' : 'missing', message }
}

function unsupported(target: TaskTarget, targets: readonly string[]) {
  const shown = target.slice(0, 64)
  const message = `no plugin knows ${shown}; known here: ${listed(targets)}`
  return recipeFaults.unsupported(`${message}${didYouMean(shown, targets)}`, {
    details: [detail({ path: ['task_target'], code: 'unknown_target', message })],
  })
}

/** Both dialects allow all their fields in every recipe: what this target has no use for goes, and is told. */
function dropUnused(recipe: JsonObject, target: TaskTarget, fields: readonly string[]) {
  const unused = (name: string) => DIALECT_FIELDS.has(name) && !fields.includes(name)
  const entries = Object.entries(recipe)
  return {
    used: Object.fromEntries(entries.filter(([name]) => !unused(name))),
    warnings: entries
      .filter(([name]) => unused(name))
      .map(([name]) => `${name} has no meaning for ${target} and was left out`),
  }
}
