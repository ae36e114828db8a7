// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import * as v from 'valibot'
import { createLinuxWorkflow } from '../../plugins/os-linux/index.ts'
import { FirmwareUrl, sharedFields, WimIndex } from '../../schemas/recipe.ts'
import { Fault } from '../faults.ts'
import { createHooks } from '../hooks.ts'
import { createRecipes } from './recipes.ts'
import type { Workflow } from './run.ts'

const linux = createLinuxWorkflow({
  isOurs: (host) => host === 'registry.ours:8443',
  overwrite: 'empty',
})

const firmware: Workflow = {
  target: 'supermicro-update.target',
  recipe: v.strictObject({
    ...sharedFields('supermicro-update.target'),
    firmware_url: FirmwareUrl,
    wim_index: v.optional(WimIndex, 1),
  }),
  check: () => undefined,
  files: () => new Map(),
}

function recipesOf(...workflows: Workflow[]) {
  const hooks = createHooks()
  const tap = (workflow: Workflow) => {
    hooks.targets.tap('test', (targets) => [...targets, workflow.target])
    hooks.workflow.tap('test', (target) => (target === workflow.target ? workflow : undefined))
  }
  workflows.forEach(tap)
  return { ...createRecipes(hooks), tap }
}

const recipes = recipesOf(linux, firmware)

const good = {
  task_target: 'install-linux.target',
  target_disk: '/dev/sda',
  oci_url: 'os-images/ubuntu:24.04',
  partition_layout: [
    { size: '512MiB', type_guid: 'ef00', format: 'vfat', mountpoint: '/boot/efi' },
    { size: '100%', format: 'ext4', mountpoint: '/' },
  ],
}

function faultOf(input: unknown): Fault {
  try {
    recipes.parse(input)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('the recipe was accepted')
}

const detailsOf = (input: unknown) =>
  (faultOf(input).details ?? []).map(({ field, message }) => `${field}: ${message}`)

describe('a good recipe', () => {
  test('comes back in normal form with its workflow, defaults filled in', () => {
    const { recipe, workflow, warnings } = recipes.parse(good)
    expect(workflow).toBe(linux)
    expect(warnings).toEqual([])
    expect(recipe).toEqual({
      ...good,
      schema_version: '1',
      overwrite: 'empty',
      partition_layout: [
        {
          size: '512MiB',
          type_guid: 'ef00',
          format: 'vfat',
          mountpoint: '/boot/efi',
          bootable: false,
        },
        { size: '100%', format: 'ext4', mountpoint: '/', bootable: false },
      ],
    })
  })

  test('of the second dialect is the same recipe', () => {
    const { partition_layout, ...rest } = good
    const { recipe } = recipes.parse({
      $schema: 'https://shoal.dev/provisioner/recipe.schema.json',
      recipe_version: '1.0',
      ...rest,
      partitions: partition_layout,
      metadata: { owner: 'web' },
    })
    const expected = recipes.parse({ ...good, schema_version: '1.0', metadata: { owner: 'web' } })
    expect(recipe).toEqual(expected.recipe)
  })

  test('may hold fields of other targets, as both dialects allow; they are left out and told', () => {
    const { recipe, warnings } = recipes.parse({
      ...good,
      wim_index: 3,
      ks_cfg: 'canary',
      firmware_url: 'x',
    })
    expect(recipe).toEqual(recipes.parse(good).recipe)
    expect(warnings).toEqual([
      'wim_index has no meaning for install-linux.target and was left out',
      'firmware_url has no meaning for install-linux.target and was left out',
      'ks.cfg has no meaning for install-linux.target and was left out',
    ])
  })
})

describe('problems', () => {
  test('are told all at once, as pointer and in dotted form', () => {
    const fault = faultOf({
      task_target: 'install-linux.target',
      oci_url: 'https://x/y',
      partition_layout: [{ size: '20 GB', format: 'fat32', 'a/b~c': 1 }, { format: 'ext4' }],
      env: { A: 1 },
    })
    expect(fault.code).toBe('recipe.invalid')
    expect(fault.kind).toMatchObject({ status: 400, word: 'invalid_recipe' })
    expect(fault.message).toStartWith('the recipe is not valid: env.A must be text; and 6 more')
    expect(fault.details).toEqual([
      { path: '/env/A', field: 'env.A', code: 'wrong_type', message: 'must be text' },
      { path: '/target_disk', field: 'target_disk', code: 'missing', message: 'is missing' },
      {
        path: '/oci_url',
        field: 'oci_url',
        code: 'invalid_value',
        message: 'must be like os-images/ubuntu:24.04 or host:5000/name@sha256:…, without a scheme',
      },
      {
        path: '/partition_layout/0/size',
        field: 'partition_layout[0].size',
        code: 'invalid_value',
        message: 'must be like 512MiB, 20GB or 100%, not "20 GB"',
      },
      {
        path: '/partition_layout/0/format',
        field: 'partition_layout[0].format',
        code: 'invalid_value',
        message: 'must be one of vfat, ext4, xfs, btrfs, ntfs, swap, raw, none, not "fat32"',
      },
      {
        path: '/partition_layout/0/a~1b~0c',
        field: 'partition_layout[0].a/b~c',
        code: 'unknown_field',
        message: 'is not a field of a recipe',
      },
      {
        path: '/partition_layout/1/size',
        field: 'partition_layout[1].size',
        code: 'missing',
        message: 'is missing',
      },
    ])
  })

  test.each([
    [{ ...good, oci_ulr: 'x' }, 'oci_ulr: is not a field of a recipe; did you mean `oci_url`?'],
    [
      { ...good, user_date: 'x' },
      'user_date: is not a field of a recipe; did you mean `user_data`?',
    ],
    [
      { ...good, target_disk: { serail: 'x' } },
      'target_disk.serail: is not a field of a recipe; did you mean `serial`?',
    ],
    [
      { ...good, partition_layout: [{ size: '100%', format: 'ext4', mount_point: '/' }] },
      'partition_layout[0].mount_point: is not a field of a recipe; did you mean `mountpoint`?',
    ],
    [
      { ...good, network: { ethernets: { lan0: { match: { mac: 'x' } } } } },
      'network.ethernets.lan0.match.mac: is not a field of a recipe',
    ],
  ])('an unknown name leads to the nearest known one', (input, expected) => {
    expect(detailsOf(input)).toContain(expected)
  })

  test('several unknown names of one object are all told', () => {
    expect(detailsOf({ ...good, a1: 1, b2: 2, c3: 3 })).toHaveLength(3)
  })

  test.each([
    [{ ...good, target_disk: 7 }, 'target_disk: must be text or an object'],
    [
      { ...good, target_disk: {} },
      'target_disk: must name at least one of path, serial, wwn, model, min_size, max_size, rotational',
    ],
    [
      { ...good, target_disk: { rotational: 'no' } },
      'target_disk.rotational: must be true or false',
    ],
    [{ ...good, overwrite: 'all' }, 'overwrite: must be "empty", "any" or {"disk_serial": "…"}'],
    [
      { ...good, user_data: { content: 'a', url: 'https://h/' } },
      'user_data: must be text, or exactly one of {"content"}, {"url"}, {"path"}',
    ],
    [{ ...good, partition_layout: [] }, 'partition_layout: must not be empty'],
    [{ ...good, env: [] }, 'env: must be an object'],
    [
      { ...good, recipe_version: '1', schema_version: '1.2' },
      'recipe_version: is another spelling of schema_version and says something else: keep one of them',
    ],
  ])('%# is told in words for people', (input, expected) => {
    expect(detailsOf(input)).toEqual([expected])
  })

  test('of a document without end are told up to fifty', () => {
    const layout = Array.from({ length: 128 }, () => ({ size: 'x' }))
    const fault = faultOf({ ...good, partition_layout: layout })
    expect(fault.details).toHaveLength(50)
    expect(fault.message).toContain('and 127 more')
  })

  test('of the workflow’s own checks come in the same form', () => {
    const fault = faultOf({ ...good, partition_layout: [{ size: '100%', format: 'ext4' }] })
    expect(fault.code).toBe('recipe.invalid')
    expect(fault.details).toMatchObject([{ path: '/partition_layout', code: 'no_root' }])
  })

  test('with a name of a megabyte do not send it back', () => {
    const fault = faultOf({ ...good, ['x'.repeat(1_000_000)]: 1 })
    expect(JSON.stringify([fault.message, fault.details]).length).toBeLessThan(1_000)
  })

  test('of the whole document', () => {
    expect(detailsOf('text')).toEqual([
      ': must be an object',
      'task_target: is missing: one of install-linux.target, supermicro-update.target',
    ])
  })
})

test.each([
  [
    { firmware_url: 'ftp://h/x' },
    'firmware_url: must begin with http:// or https://, without user and password',
  ],
  [{ firmware_url: 'https://h/x', wim_index: 0 }, 'wim_index: must be at least 1'],
  [{ firmware_url: 'https://h/x', wim_index: 1.5 }, 'wim_index: must be a whole number'],
])('fields of another target are checked by its own part', (fields, expected) => {
  expect(detailsOf({ task_target: 'supermicro-update.target', ...fields })).toEqual([expected])
  const fine = { task_target: 'supermicro-update.target', firmware_url: 'https://h/x' }
  expect(recipes.parse(fine).recipe).toEqual({ ...fine, schema_version: '1', wim_index: 1 })
})

test('a hostile document of ten million bytes is refused at once', () => {
  const begun = performance.now()
  const items = Array.from({ length: 1_000_000 }, () => ({}))
  const names = Object.fromEntries(
    items.slice(0, 200_000).map((_, index) => [`user_data${index}`, 1]),
  )
  expect(detailsOf({ ...good, partition_layout: items })).toEqual([
    'partition_layout: must have at most 128 entries',
  ])
  expect(detailsOf({ ...good, env: names })).toEqual(['env: must have at most 200 entries'])
  expect(detailsOf({ ...good, ...names })).toHaveLength(50)
  expect(performance.now() - begun).toBeLessThan(5_000)
})

test('nothing secret is quoted, whatever is wrong with it', () => {
  const canary = 'canary-7f3a'
  const inputs = [
    { ...good, user_data: { content: [canary] } },
    { ...good, user_data: { url: `ftp://user:${canary}@host/` } },
    { ...good, user_data: { content: canary, text: canary } },
    { ...good, env: { TOKEN: `${canary}\n` } },
    { ...good, env: { TOKEN: [canary] } },
    { ...good, env: canary },
    { ...good, ks_cfg: canary, 'ks.cfg': `${canary}2` },
    { ...good, metadata: canary },
    { ...good, oci_url: `https://u:${canary}@host/x` },
    { ...good, notes: [canary, 1] },
    { ...good, network: canary },
  ]
  for (const input of inputs) {
    const fault = faultOf(input)
    expect(JSON.stringify([fault.message, fault.details, String(fault.cause)])).not.toContain(
      canary,
    )
  }
})

describe('task targets', () => {
  test('that nobody knows are refused, naming those that are known', () => {
    const fault = faultOf({ task_target: 'install-linus.target' })
    expect(fault.code).toBe('recipe.unsupported')
    expect(fault.message).toBe(
      'no plugin knows install-linus.target; known here: install-linux.target, supermicro-update.target; did you mean `install-linux.target`?',
    )
  })

  test.each(['install-linux', 7, '../x.target', 'x.target\n'])('%p is none', (task_target) => {
    expect(detailsOf({ ...good, task_target })).toEqual([
      'task_target: must be one of install-linux.target, supermicro-update.target',
    ])
  })
})

describe('the published schema', () => {
  test('has one part a target, told apart by a constant', () => {
    const schema = recipes.schema() as {
      oneOf: { properties: { task_target: unknown }; additionalProperties: unknown }[]
    }
    expect(schema.oneOf.map(({ properties }) => properties.task_target)).toEqual([
      { const: 'install-linux.target' },
      { const: 'supermicro-update.target' },
    ])
    expect(schema.oneOf.map((part) => part.additionalProperties)).toEqual([false, false])
  })

  test('is the same object until a plugin comes, and the same text in any order of plugins', () => {
    const one = recipesOf(linux)
    const before = one.schema()
    expect(one.schema()).toBe(before)
    one.tap(firmware)
    expect(one.schema()).not.toBe(before)
    expect(JSON.stringify(recipesOf(firmware, linux).schema())).toBe(JSON.stringify(one.schema()))
  })

  test('can not be made from rules that JSON Schema can not say', () => {
    const odd: Workflow = {
      ...firmware,
      recipe: v.strictObject({ when: v.pipe(v.string(), v.transform(Number)) }),
    }
    expect(() => recipesOf(odd).schema()).toThrow('transform')
  })
})
