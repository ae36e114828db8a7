// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { JournalRow } from '../store/job-story.ts'
import { readJournal } from './journal.ts'

const row = (step: string, launch: number, outcome: JournalRow['outcome']): JournalRow => ({
  ...{ seq: 0, jobId: 'j', begunAt: 0, endedAt: null, code: null },
  ...{ step, launch, outcome },
})

const journal = readJournal([
  row('redfish.power-off', 1, 'done'),
  row('redfish.insert.boot', 1, 'failed'),
  row('redfish.insert.boot', 1, 'done'),
  row('redfish.power-on', 1, 'done'),
  row('redfish.boot-override', 2, 'failed'),
  row('redfish.power-on', 2, null),
])

test.each([
  { step: 'redfish.power-off', begun: true, done: true, first: true, second: false },
  { step: 'redfish.insert.boot', begun: true, done: true, first: true, second: false },
  { step: 'redfish.boot-override', begun: true, done: false, first: false, second: true },
  { step: 'redfish.power-on', begun: true, done: true, first: true, second: true },
  { step: 'cleanup.eject', begun: false, done: false, first: false, second: false },
])(
  '$step: begun $begun, done $done, in launch 1 $first, in launch 2 $second',
  ({ step, begun, done, first, second }) => {
    expect(journal.begun(step)).toBe(begun)
    expect(journal.done(step)).toBe(done)
    expect(journal.begunIn(step, 1)).toBe(first)
    expect(journal.begunIn(step, 2)).toBe(second)
  },
)
