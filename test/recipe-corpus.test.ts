// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import * as v from 'valibot'
import { createHooks } from '../core/hooks.ts'
import { createRecipes } from '../core/jobs/recipes.ts'
import { createLinuxWorkflow } from '../plugins/os-linux/index.ts'
import { recipeCorpus } from './recipe-corpus.ts'

const linux = createLinuxWorkflow({ isOurs: () => false, overwrite: 'empty' })

function publishedSchema() {
  const hooks = createHooks()
  hooks.targets.tap('test', (targets) => [...targets, linux.target])
  hooks.workflow.tap('test', (target) => (target === linux.target ? linux : undefined))
  return createRecipes(hooks).schema()
}

const ajv = new Ajv({ strict: true, strictTypes: true, strictTuples: true, allErrors: false })
addFormats(ajv)
const published = ajv.compile(publishedSchema())
const corpus = recipeCorpus()

describe('the published schema and the parser give one verdict', () => {
  test('on every recipe of the corpus, and it is the expected one', () => {
    const verdicts = corpus.map(({ name, recipe, valid }) => ({
      name,
      expected: valid,
      parser: v.is(linux.recipe, recipe),
      schema: published(recipe),
    }))
    const off = verdicts.filter(
      ({ expected, parser, schema }) => parser !== expected || schema !== expected,
    )
    expect(off).toEqual([])
  })

  test('on enough of them, a good part invalid', () => {
    const invalid = corpus.filter(({ valid }) => !valid).length
    expect({ valid: corpus.length - invalid, invalid }).toEqual({ valid: 407, invalid: 1108 })
    expect(invalid / corpus.length).toBeGreaterThan(0.4)
  })

  test('on the parsed form too: what the ISO carries passes the schema beside it', () => {
    const parsed = corpus
      .filter(({ valid }) => valid)
      .map(({ recipe }) => v.parse(linux.recipe, recipe))
    expect(parsed.filter((recipe) => !published(recipe))).toEqual([])
  })
})

test('the published schema is the one that was reviewed (UPDATE=1 rewrites it)', async () => {
  const golden = join(import.meta.dir, 'golden', 'recipe.schema.json')
  const text = `${JSON.stringify(publishedSchema(), null, 2)}\n`
  if (process.env['UPDATE'] === '1') await writeFile(golden, text)
  expect(text).toBe(await readFile(golden, 'utf8'))
})
