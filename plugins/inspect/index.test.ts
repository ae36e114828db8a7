// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createHooks } from '../../core/hooks.ts'
import { createRecipes } from '../../core/jobs/recipes.ts'
import type { Host } from '../../core/plugin.ts'
import { inspect } from './index.ts'

function start() {
  const hooks = createHooks()
  inspect.setup({ hooks } as unknown as Host, {})
  return createRecipes(hooks)
}

test('a recipe that only asks for an inspection is whole', () => {
  const { recipe, workflow } = start().parse({ task_target: 'inspect.target' })
  expect(recipe).toEqual({ schema_version: '1', task_target: 'inspect.target' })
  expect(workflow.files(recipe).size).toBe(0)
})

test('a disk has no meaning for it, and is told as that', () => {
  const { recipe, warnings } = start().parse({
    task_target: 'inspect.target',
    target_disk: '/dev/sda',
  })
  expect(recipe).not.toHaveProperty('target_disk')
  expect(warnings).toEqual([expect.stringContaining('target_disk')])
})

const card = { match: { macaddress: '52:54:00:00:00:01' } }

test('a machine where nobody gives addresses is told its own', () => {
  const network = { ethernets: { lan: { ...card, addresses: ['10.0.0.5/24'] } } }
  const { recipe } = start().parse({ task_target: 'inspect.target', network })
  expect(recipe).toMatchObject({ network: { version: 2, ...network } })
})

test('a network that can not be is refused', () => {
  const network = { ethernets: { a: card }, vlans: { v: { id: 5, link: 'b' } } }
  expect(() => start().parse({ task_target: 'inspect.target', network })).toThrow('network')
})
