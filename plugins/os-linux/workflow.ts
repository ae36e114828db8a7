// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { invalidRecipe } from '../../core/jobs/recipe-problems.ts'
import type { Workflow } from '../../core/jobs/run.ts'
import type { Recipe } from '../../schemas/recipe.ts'
import { linuxAdvice } from './advice.ts'
import { type IsOurs, linuxProblems } from './check.ts'
import { linuxFiles } from './files.ts'
import { LINUX_TARGET, linuxRecipe, type SiteOverwrite } from './recipe.ts'

export interface LinuxParts {
  readonly isOurs: IsOurs
  readonly overwrite: SiteOverwrite
}

/** Our side of `install-linux.target`. The machine's side is the maintenance OS. */
export interface LinuxWorkflow extends Workflow {
  /** What to tell the submitter of a valid recipe, payloads resolved. */
  advise(recipe: Recipe): readonly string[]
}

export function createLinuxWorkflow({ isOurs, overwrite }: LinuxParts): LinuxWorkflow {
  const schema = linuxRecipe(overwrite)
  return {
    target: LINUX_TARGET,
    recipe: schema,
    check(recipe) {
      const problems = linuxProblems(v.parse(schema, recipe), isOurs)
      if (problems.length > 0) throw invalidRecipe(problems)
    },
    files: (recipe) => linuxFiles(v.parse(schema, recipe)),
    advise: (recipe) => linuxAdvice(v.parse(schema, recipe)),
  }
}
