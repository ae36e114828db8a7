// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { writeIso, writeSampleBootIso } from '../../plugins/iso/index.ts'
import type { JobDocument } from '../../schemas/job-document.ts'

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

/** The job of all these tests, with what a test wants otherwise. */
export function jobDocument(change: Partial<JobDocument>): JobDocument {
  const job_id = '3f0e8b52-6f0d-4c58-9a51-9d2f1f0b7c11'
  return {
    schema: 'slipway.job/1',
    job_id,
    serials: [],
    base_urls: ['http://127.0.0.1:1'],
    claim_url: `/api/v1/claim/${job_id}`,
    report_url: '/api/v1/status-webhook/S1',
    log_url: `/api/v1/jobs/${job_id}/log`,
    token: 'the-token-of-the-job',
    ...change,
  }
}

/** Writes `boot.iso` (bootable, no operating system) into the folder. */
export async function writeBootImage(folder: string): Promise<void> {
  await writeSampleBootIso(join(folder, 'boot.iso'))
}

const PLAYED_RECIPE = { task_target: 'install-linux.target', target_disk: '/dev/sda' }

/** Writes `task.iso`, and the same again as `task.img`. */
export async function writeTaskImages(
  folder: string,
  job: JobDocument,
  recipe: Readonly<Record<string, unknown>> = PLAYED_RECIPE,
): Promise<void> {
  const tree = new Map([
    ['/job.json', bytes(job)],
    ['/recipe.json', bytes(recipe)],
  ])
  for (const name of ['task.iso', 'task.img']) {
    await writeIso(join(folder, name), { volumeId: 'TASK_0123456789A', tree })
  }
}

/** Writes `composed.iso`: bootable by UEFI, with the task below /task. */
export async function writeComposedImage(folder: string, job: JobDocument): Promise<void> {
  const tree = new Map([
    ['/boot/efi.img', new Uint8Array(4_096)],
    ['/task/job.json', bytes(job)],
    ['/task/recipe.json', bytes(PLAYED_RECIPE)],
  ])
  const boot = { efi: { path: '/boot/efi.img' } }
  await writeIso(join(folder, 'composed.iso'), { volumeId: 'MAINTENANCE', tree, boot })
}
