// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { normaliseRecipe } from './recipe-input.ts'

const normal = (input: unknown) => {
  const { recipe, problems } = normaliseRecipe(input)
  expect(problems).toEqual([])
  return recipe
}

test('a recipe in normal form stays as it is', () => {
  const recipe = { schema_version: '1', 'ks.cfg': 'x', metadata: { a: [1, null, { b: true }] } }
  expect(normal(recipe)).toEqual(recipe)
})

test.each([
  ['the version of the second dialect', { recipe_version: '1.0' }, { schema_version: '1.0' }],
  ['the kickstart of the worker', { ks_cfg: 'vmaccepteula' }, { 'ks.cfg': 'vmaccepteula' }],
  [
    'a reference in the other spelling',
    { ks_cfg: { url: 'https://h/ks' } },
    { 'ks.cfg': { url: 'https://h/ks' } },
  ],
  [
    'the schema that an editor wants',
    { $schema: './recipe.schema.json', notes: 'n' },
    { notes: 'n' },
  ],
  [
    'layout as some documents call it',
    { partitions: [{ size: '100%' }] },
    { partition_layout: [{ size: '100%' }] },
  ],
  ['user data as some documents call it', { cloud_init: '#!/bin/sh' }, { user_data: '#!/bin/sh' }],
  ['notes as a list', { notes: ['a', 'b'] }, { notes: 'a\nb' }],
  [
    'both spellings that agree',
    { ks_cfg: { a: 1, b: [2] }, 'ks.cfg': { b: [2], a: 1 } },
    { 'ks.cfg': { a: 1, b: [2] } },
  ],
])('%s is brought into normal form', (_name, input, expected) => {
  expect(normal(input)).toEqual(expected)
})

test.each([
  [{ recipe_version: '1', schema_version: '1.0' }, 'recipe_version'],
  [{ ks_cfg: 'a', 'ks.cfg': 'b' }, 'ks_cfg'],
  [{ partitions: [1], partition_layout: [1, 2] }, 'partitions'],
  [{ cloud_init: { content: 'a' }, user_data: 'a' }, 'cloud_init'],
])('two spellings that differ are refused: %j', (input, at) => {
  const { problems } = normaliseRecipe(input)
  expect(problems).toMatchObject([{ path: [at], code: 'contradiction' }])
})

test('an alias deep inside is somebody else’s word', () => {
  expect(normal({ metadata: { ks_cfg: 1, $schema: 2 } })).toEqual({
    metadata: { ks_cfg: 1, $schema: 2 },
  })
})

test.each([[null], [undefined], [[]], ['x'], [7]])('%p is no recipe', (input) => {
  expect(normaliseRecipe(input)).toEqual({
    recipe: {},
    problems: [{ path: [], code: 'wrong_type', message: 'must be an object' }],
  })
})

describe('what would be lost or change meaning on the way is refused', () => {
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('the name %s', (name) => {
    const input = JSON.parse(`{"env":{"${name}":"x","A":"1"}}`)
    const { recipe, problems } = normaliseRecipe(input)
    expect(problems).toMatchObject([{ path: ['env', name], code: 'bad_name' }])
    expect(recipe).toEqual({ env: { A: '1' } })
  })

  test('half a surrogate pair, in a value and in a name', () => {
    const { problems } = normaliseRecipe({ user_data: 'a\ud800', metadata: { '\udc00': 1 } })
    expect(problems.map(({ code }) => code)).toEqual(['bad_text', 'bad_name'])
  })

  test('nesting without end', () => {
    const deep = JSON.parse(`{"metadata":${'['.repeat(5_000)}${']'.repeat(5_000)}}`)
    expect(normaliseRecipe(deep).problems).toMatchObject([{ code: 'too_deep' }])
  })
})

test('the input is not touched', () => {
  const input = Object.freeze({
    ks_cfg: Object.freeze({ content: 'x' }),
    notes: Object.freeze(['a', 'b']),
    metadata: Object.freeze({ list: Object.freeze([1]) }),
  })
  const { recipe } = normaliseRecipe(input)
  expect(input).toEqual({ ks_cfg: { content: 'x' }, notes: ['a', 'b'], metadata: { list: [1] } })
  expect(recipe['metadata']).not.toBe(input.metadata)
})
