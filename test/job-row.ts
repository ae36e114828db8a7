// SPDX-License-Identifier: AGPL-3.0-or-later
import type { NewJob } from '../core/store/jobs.ts'

/** The row of a job that was just taken in; every field that a test cares for is given by it. */
export function newJob(more: Partial<NewJob> = {}): NewJob {
  const id = more.id ?? crypto.randomUUID()
  const at = more.createdAt ?? 1_800_000_000_000
  return {
    id,
    machineId: `machine of ${id}`,
    serial: 'S1',
    status: 'queued',
    taskTarget: 'install-linux.target',
    sealedToken: '',
    tokenDigest: `token of ${id}`,
    sealedMediaToken: '',
    mediaTokenDigest: `media token of ${id}`,
    sealedBootedToken: '',
    bootedTokenDigest: `booted token of ${id}`,
    takeOver: false,
    createdBy: 'test',
    mediaValid: true,
    media: [],
    bytesRead: {},
    launches: 0,
    expectsClaim: true,
    pausedMs: 0,
    cleanupAttempts: 0,
    createdAt: at,
    updatedAt: at,
    nextCheckAt: at,
    ...more,
  }
}

/** What belongs to it beside its row. */
export const noDocuments = { sealedRecipe: '', sealedSubmitted: '' }
