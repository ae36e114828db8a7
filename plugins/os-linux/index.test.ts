// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import type { Addresses } from '../../core/addresses.ts'
import { createHooks, type Submission } from '../../core/hooks.ts'
import { createRecipes } from '../../core/jobs/recipes.ts'
import type { Host } from '../../core/plugin.ts'
import { osLinux } from './index.ts'

/** Hooks with the plugin tapped in, as the appliance does it. */
function start(config: object = {}, addresses: Partial<Addresses> = {}) {
  const hooks = createHooks()
  const nowhere: Addresses = {
    fieldPort: () => undefined,
    apiPort: () => 8443,
    localUrl: () => 'http://127.0.0.1:8081',
    own: () => ['10.0.0.2'],
    names: () => ['slipway.example'],
  }
  const host = { hooks, addresses: { ...nowhere, ...addresses } } as unknown as Host
  osLinux.setup(host, v.parse(osLinux.config, config))
  return { hooks, recipes: createRecipes(hooks) }
}

const recipe = {
  task_target: 'install-linux.target',
  target_disk: '/dev/sda',
  oci_url: 'os/ubuntu:24.04',
  partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/' }],
}

test('install-linux.target is known, others are left to others', () => {
  const { hooks } = start()
  expect(hooks.targets.call(['a.target'])).toEqual(['a.target', 'install-linux.target'])
  expect(hooks.workflow.call('install-linux.target')?.target).toBe('install-linux.target')
  expect(hooks.workflow.call('install-windows.target')).toBeUndefined()
})

test('the site says which disk may be erased when the recipe does not', () => {
  expect(start().recipes.parse(recipe).recipe['overwrite']).toBe('empty')
  const { recipes } = start({ overwrite: 'any' })
  expect(recipes.parse(recipe).recipe['overwrite']).toBe('any')
  expect(recipes.parse({ ...recipe, overwrite: 'empty' }).recipe['overwrite']).toBe('empty')
  expect(JSON.stringify(recipes.schema())).toContain('"default":"any"')
})

test.each([
  ['10.0.0.2:8443', true],
  ['slipway.example:8443', true],
  ['SLIPWAY.example:8443', true],
  ['localhost:8081', true],
  ['10.0.0.2:5000', false],
  ['10.0.0.3:8443', false],
  ['slipway.example', false],
  ['localhost', false],
  ['999.999.999.999:8443', false],
])('a tag from %s is taken: %p', (host, taken) => {
  const { recipes } = start()
  const parse = () => recipes.parse({ ...recipe, oci_url: `${host}/os/ubuntu:24.04` })
  if (taken) expect(parse().recipe['oci_url']).toBe(`${host}/os/ubuntu:24.04`)
  else expect(parse).toThrow('digest')
})

test('https without a port is 443', () => {
  const { recipes } = start({}, { apiPort: () => 443 })
  expect(recipes.parse({ ...recipe, oci_url: 'slipway.example/os/ubuntu:1' }).warnings).toEqual([])
})

test('advice is given at submit, to recipes of this target only', async () => {
  const { hooks, recipes } = start()
  const submit = async (task_target: string) => {
    const parsed = { ...recipes.parse(recipe).recipe, task_target }
    const submission = { recipe: parsed, warnings: [] } as unknown as Submission
    await hooks.submit.promise(submission)
    return submission.warnings
  }
  expect(await submit('install-linux.target')).toHaveLength(1)
  expect(await submit('other.target')).toEqual([])
})
