// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { readJsonInput } from './input.ts'

export const recipeValidate: CliCommand = {
  words: ['recipe', 'validate'],
  summary: 'check a recipe, without an appliance',
  about:
    'Knows the task targets of this executable. What only an appliance can tell (the machine,\nits media, payloads by URL) is told by `slipway job create --dry-run`.',
  arguments: [{ name: 'FILE', summary: 'recipe or job request, JSON; - for standard input' }],
  options: { normal: { summary: 'print the recipe in its normal form' } },
  examples: [
    'slipway recipe validate recipe.json',
    'slipway recipe validate --normal - < old.json',
  ],
  async run({ args: [file = ''], flags, out }) {
    const document = await readJsonInput(file)
    const { offlineRecipes } = await import('./offline-recipes.ts')
    const { recipe, warnings } = (await offlineRecipes()).parse(recipeOf(document))
    for (const warning of warnings) out.note(`warning: ${warning}`)
    out.answer({ valid: true, recipe, warnings }, () =>
      flags.on('normal')
        ? JSON.stringify(recipe, null, 2).split('\n')
        : [`${file === '-' ? 'the recipe' : file} is a valid recipe for ${recipe.task_target}`],
    )
    return EXIT.ok
  },
}

export const recipeSchema: CliCommand = {
  words: ['recipe', 'schema'],
  summary: 'the JSON Schema (draft-07) of recipes, for editors and other validators',
  examples: ['slipway recipe schema > recipe.schema.json'],
  async run({ out }) {
    const { offlineRecipes } = await import('./offline-recipes.ts')
    out.raw(`${JSON.stringify((await offlineRecipes()).schema(), null, 2)}\n`)
    return EXIT.ok
  },
}

/** `job create` takes a whole request too. */
function recipeOf(document: unknown): unknown {
  const whole = typeof document === 'object' && document !== null && 'recipe' in document
  return whole ? document.recipe : document
}
