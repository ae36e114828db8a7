// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { judge, parseUnits, type UnitState } from './units.ts'

/** What systemd 252 printed 3 s after `systemctl start --no-block work.target`, b ending with status 3. */
const AFTER_A_FAILURE = `Id=work.target
Requires=c.service b.service a.service
Wants=
BindsTo=
LoadState=loaded
ActiveState=inactive
SubState=dead
InactiveEnterTimestampMonotonic=0
Job=
InvocationID=

Result=success
ExecMainStatus=0
Id=a.service
Requires=system.slice
Wants=
BindsTo=
LoadState=loaded
ActiveState=active
SubState=exited
InactiveEnterTimestampMonotonic=0
Job=
InvocationID=636b3b2686884470a7a4f6c51282516a

Result=exit-code
ExecMainStatus=3
Id=b.service
Requires=system.slice a.service
Wants=
BindsTo=
LoadState=loaded
ActiveState=failed
SubState=failed
InactiveEnterTimestampMonotonic=1222063696
Job=
InvocationID=0904b7cb209646c8a3dc0f42f909f8af

Result=success
ExecMainStatus=0
Id=c.service
Requires=b.service system.slice
Wants=
BindsTo=
LoadState=loaded
ActiveState=inactive
SubState=dead
InactiveEnterTimestampMonotonic=0
Job=
InvocationID=
`

const unit = (id: string, more: Partial<UnitState> = {}): UnitState => ({
  ...{ id, load: 'loaded', active: 'inactive', sub: 'dead', result: 'success', status: 0 },
  ...{ invocation: '', endedAt: 0, queued: false, needs: [] },
  ...more,
})

test('what systemd prints is read, whatever the order of its lines', () => {
  const units = parseUnits(AFTER_A_FAILURE)
  expect(units.map(({ id, active, result }) => [id, active, result])).toEqual([
    ['work.target', 'inactive', 'success'],
    ['a.service', 'active', 'success'],
    ['b.service', 'failed', 'exit-code'],
    ['c.service', 'inactive', 'success'],
  ])
  expect(units[0]?.needs).toEqual(['c.service', 'b.service', 'a.service'])
})

test('a unit that only could not start because of another is not blamed', () => {
  const [target, ...units] = parseUnits(AFTER_A_FAILURE)
  expect(judge(target ?? unit('work.target'), units)).toEqual({
    is: 'failed',
    unit: 'b.service',
    reason: 'b.service ended with status 3',
  })
})

test('a unit whose command before the main one failed is not said to have ended with 0', () => {
  const units = [unit('b.service', { active: 'failed', result: 'exit-code', status: 0 })]
  expect(judge(unit('work.target'), units)).toMatchObject({
    is: 'failed',
    reason: 'b.service failed in what it runs before or after its work',
  })
})

test('of two that failed the first is blamed', () => {
  const units = [
    unit('late.service', { active: 'failed', result: 'exit-code', status: 1, endedAt: 20 }),
    unit('early.service', { active: 'failed', result: 'timeout', endedAt: 10 }),
  ]
  expect(judge(unit('work.target'), units)).toMatchObject({ is: 'failed', unit: 'early.service' })
})

test.each([
  ['signal', { result: 'signal', status: 9 }, 'killed by signal 9'],
  ['core-dump', { result: 'core-dump', status: 11 }, 'crashed with signal 11'],
  ['oom-kill', { result: 'oom-kill', status: 9 }, 'too little memory'],
  ['resources', { result: 'resources' }, 'something it needs is missing'],
  ['start-limit-hit', { result: 'start-limit-hit' }, 'started too often'],
  ['a word of a later systemd', { result: 'eaten' }, 'ended with result eaten'],
])('%s has words for a person', (_name, state, words) => {
  const verdict = judge(unit('t.target'), [unit('x.service', { active: 'failed', ...state })])
  expect(verdict).toMatchObject({ is: 'failed', reason: expect.stringContaining(words) })
})

test('a target is at work while one of its units is, and while it is queued', () => {
  const running = unit('a.service', { active: 'activating' })
  expect(judge(unit('t.target', { queued: true }), [running])).toEqual({
    is: 'running',
    unit: 'a.service',
  })
  expect(judge(unit('t.target', { queued: true }), [unit('a.service')])).toMatchObject({
    is: 'running',
  })
})

test('a unit that waits to be restarted has not failed yet', () => {
  const waits = unit('a.service', { active: 'activating', sub: 'auto-restart', result: 'signal' })
  expect(judge(unit('t.target', { queued: true }), [waits])).toMatchObject({ is: 'running' })
})

test('a target that somebody stopped is no success', () => {
  const verdict = judge(unit('t.target'), [unit('a.service', { active: 'active' })])
  expect(verdict).toMatchObject({ is: 'failed', unit: 't.target' })
})

test('a unit that the image lacks is named', () => {
  const verdict = judge(unit('t.target'), [unit('a.service', { load: 'not-found' })])
  expect(verdict).toMatchObject({ is: 'failed', unit: 'a.service' })
})
