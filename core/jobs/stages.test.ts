// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { EvidenceRow } from '../store/job-story.ts'
import { diagnose } from './stages.ts'

const seen = (row: Partial<EvidenceRow>): EvidenceRow => ({
  seq: 0,
  jobId: 'j',
  at: 0,
  level: 'stage',
  detail: `read the ${row.region ?? 'medium'}`,
  slot: 'boot',
  region: null,
  bytes: 1,
  percent: 1,
  reader: null,
  ...row,
})

test.each([
  { name: 'nothing', rows: [], last: 'nothing', look: /media\.base_url/ },
  {
    name: 'a fetch before power on',
    rows: [seen({ level: 'fetched', detail: 'read boot.iso' })],
    last: 'read boot.iso',
    look: /one-time boot/,
  },
  {
    name: 'the EFI image, and the volume descriptor read again after it',
    rows: [seen({ region: 'EFI image' }), seen({ region: 'volume descriptor' })],
    last: 'read the EFI image',
    look: /Secure Boot/,
  },
  {
    name: 'the job document',
    rows: [seen({ region: 'root file system' }), seen({ region: 'job.json', slot: 'task' })],
    last: 'read the job.json',
    look: /report addresses/,
  },
  {
    name: 'the task medium’s volume descriptor alone',
    rows: [seen({ region: 'kernel' }), seen({ region: 'volume descriptor', slot: 'task' })],
    last: 'read the kernel',
    look: /console/,
  },
  {
    name: 'the claim, and reads after it',
    rows: [seen({ level: 'claimed', detail: 'claimed' }), seen({ region: 'root file system' })],
    last: 'claimed',
    look: /log of the job/,
  },
  {
    name: 'half of its image',
    rows: [seen({ level: 'claimed' }), seen({ level: 'pulled', detail: 'pulled 50 %' })],
    last: 'pulled 50 %',
    look: /log of the job/,
  },
])('after $name a person is told where to look', ({ rows, last, look }) => {
  expect(diagnose(rows)).toMatchObject({
    last_seen: last,
    look_at: expect.stringMatching(look),
    usually_follows: expect.any(String),
  })
})
