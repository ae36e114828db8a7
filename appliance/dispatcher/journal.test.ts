// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { Reply } from '../../core/webhook/appliance-client.ts'
import { parseJournal } from './journal.ts'
import { LogSender } from './log-sender.ts'

const row = (more: object) => `${JSON.stringify({ __CURSOR: 's=1', PRIORITY: '6', ...more })}\n`

test('lines of units, and of systemd about them, are told with their level', () => {
  const text = [
    row({ _SYSTEMD_UNIT: 'a.service', MESSAGE: 'hello' }),
    row({ _SYSTEMD_UNIT: 'init.scope', UNIT: 'a.service', PRIORITY: '3', MESSAGE: 'failed' }),
    row({ _SYSTEMD_UNIT: 'a.service', PRIORITY: '4', MESSAGE: [0xc3, 0xa4, 33] }),
    row({ _SYSTEMD_UNIT: 'a.service', MESSAGE: null, __CURSOR: 's=9' }),
    '{"half',
  ].join('')
  expect(parseJournal(text)).toEqual({
    cursor: 's=9',
    lines: [
      { unit: 'a.service', level: 'info', text: 'hello' },
      { unit: 'a.service', level: 'error', text: 'failed' },
      { unit: 'a.service', level: 'warn', text: 'ä!' },
      { unit: 'a.service', level: 'info', text: '' },
    ],
  })
})

const line = (unit: string, text: string, level: 'info' | 'error' = 'info') => ({
  unit,
  level,
  text,
})
const reply = (status: number, over = false): Reply => ({
  ...{ status, over, retryAfterMs: undefined, date: undefined, baseUrl: '', body: undefined },
})

test('lines go in order, those of one unit and level in one call', async () => {
  const log = new LogSender()
  log.add([line('a', '1'), line('a', '2'), line('a', '3', 'error'), line('b', '4'), line('a', '5')])
  const sent: unknown[] = []
  await log.flush(async (batch) => {
    sent.push([batch.step, batch.level, ...batch.lines])
    return reply(200)
  })
  expect(sent).toEqual([
    ['a', 'info', '1', '2'],
    ['a', 'error', '3'],
    ['b', 'info', '4'],
    ['a', 'info', '5'],
  ])
})

test('what nobody answered is sent again; of too much the oldest goes, and that is told', async () => {
  const log = new LogSender()
  log.add([line('a', 'first')])
  await expect(log.flush(() => Promise.reject(new Error('gone')))).rejects.toThrow('gone')
  expect(await log.flush(async () => reply(503))).toBe(false)
  log.add(Array.from({ length: 6_000 }, (_, index) => line('a', `line ${index}`)))
  const sent: string[] = []
  await log.flush(async (batch) => {
    expect(batch.lines.length).toBeLessThanOrEqual(501)
    sent.push(...batch.lines)
    return reply(200)
  })
  expect(sent[0]).toBe('1001 lines could not be sent in time')
  expect(sent.slice(1)).toEqual(
    Array.from({ length: 5_000 }, (_, index) => `line ${index + 1_000}`),
  )
})

test('long lines are spread over calls that the appliance takes', async () => {
  const log = new LogSender()
  log.add(Array.from({ length: 100 }, () => line('a', 'x'.repeat(8_000))))
  let largest = 0
  let lines = 0
  await log.flush(async (batch) => {
    largest = Math.max(largest, JSON.stringify(batch).length)
    lines += batch.lines.length
    return reply(200)
  })
  expect(lines).toBe(100)
  expect(largest).toBeLessThan(1_048_576)
})

test('a job that is over is told at once', async () => {
  const log = new LogSender()
  log.add([line('a', '1'), line('b', '2')])
  expect(await log.flush(async () => reply(200, true))).toBe(true)
})
