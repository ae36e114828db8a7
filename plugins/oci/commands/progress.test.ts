// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { CommandOutput } from '../../../core/command.ts'
import { MiB, SECOND } from '../../../core/units.ts'
import { clientFaults } from '../client/faults.ts'
import { MEDIA } from '../client/manifest.ts'
import { showProgress } from './progress.ts'

const blob = { mediaType: MEDIA.octets, digest: `sha256:${'a'.repeat(64)}`, size: 100 * MiB }

/** A transfer of 10 MiB a second, of which the first half was there already; what was written. */
function play(kind: 'live' | 'lines' | 'json') {
  const written: string[] = []
  let now = 0
  const out: CommandOutput = {
    ...{ json: kind === 'json', live: kind === 'live', columns: () => 80 },
    paint: (_, text) => text,
    print: (line = '') => void (kind === 'json' || written.push(`out ${line}`)),
    note: (line) => void written.push(`err ${line}`),
    raw: (text) => void written.push(text),
    document() {},
    answer() {},
  }
  using progress = showProgress(out, () => now)
  progress.begins(blob, 'disk.raw')
  progress.stands(blob, 50 * MiB, 0)
  for (let at = 51; at <= 100; at++) {
    now += SECOND / 10
    progress.stands(blob, at * MiB, MiB)
  }
  progress.trouble(blob, clientFaults.unreachable('the line is cut'), 400)
  progress.ends(blob, 'sent')
  expect(progress.movedBytes).toBe(50 * MiB)
  expect(progress.outcomes).toMatchObject({ sent: 1, present: 0 })
  return written
}

test('at a terminal one line is drawn over and over: bytes, share, rate, time to go', () => {
  const written = play('live')
  expect(written).toContain('\r\x1b[K80 %  80.0 MiB of 100.0 MiB  10.0 MiB/s, 2 s to go')
  expect(written.slice(-2)).toEqual([
    'err the line is cut; trying again in 1 s',
    'out disk.raw  100.0 MiB  sent',
  ])
})

test('elsewhere a line comes every ten seconds, and what ended', () => {
  expect(play('lines')).toEqual([
    'err the line is cut; trying again in 1 s',
    'out disk.raw  100.0 MiB  sent',
  ])
})

test('under --json each is a document of one line', () => {
  const events = play('json').map((line) => JSON.parse(line))
  expect(events[0]).toEqual({
    ...{ event: 'begin', digest: blob.digest, size_bytes: blob.size, name: 'disk.raw' },
  })
  expect(events[1]).toEqual({
    ...{ event: 'progress', at_bytes: 60 * MiB, total_bytes: blob.size, moved_bytes: 10 * MiB },
  })
  expect(events.slice(-2)).toEqual([
    {
      ...{ event: 'trouble', digest: blob.digest, code: 'oci-client.unreachable' },
      ...{ message: 'the line is cut', pause_ms: 400 },
    },
    { event: 'end', digest: blob.digest, outcome: 'sent' },
  ])
})
