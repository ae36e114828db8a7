// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { envProblems } from './recipe-env.ts'

test('names of one’s own are fine', () => {
  expect(envProblems({ ROLE: 'web', rack: '7', TASK_TARGETS: 'x' })).toEqual([])
})

test.each(['TASK_TARGET', 'target_disk', 'Webhook_Secret', 'WIM_INDEX'])(
  '%s belongs to the appliance, however it is written',
  (name) => {
    expect(envProblems({ [name]: 'x' })).toMatchObject([{ path: ['env', name], code: 'reserved' }])
  },
)

test('two names that become one variable are refused, without their values', () => {
  const problems = envProblems({ role: 'canary-1', ROLE: 'canary-2' })
  expect(problems).toMatchObject([{ path: ['env', 'ROLE'], code: 'duplicate' }])
  expect(JSON.stringify(problems)).not.toContain('canary')
})
