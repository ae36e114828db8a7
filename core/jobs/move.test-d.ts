// SPDX-License-Identifier: AGPL-3.0-or-later
/** Checked by the compiler, never run: an illegal change of status does not compile. */
import type { Tx } from '../store/client.ts'
import { type JobChange, move } from '../store/jobs.ts'
import { NEXT } from './job.ts'

declare const tx: Tx
const change = { updatedAt: 0 }

move(tx, 'id', 'queued', 'provisioning', change)
move(tx, 'id', 'queued', 'failed', change)
move(tx, 'id', 'provisioning', 'succeeded', change)
move(tx, 'id', 'provisioning', 'failed', change)
move(tx, 'id', 'succeeded', 'complete', change)
move(tx, 'id', 'failed', 'complete', change)

// @ts-expect-error a queued job was not tried yet
move(tx, 'id', 'queued', 'succeeded', change)
// @ts-expect-error even a canceled job passes through failed
move(tx, 'id', 'queued', 'complete', change)
// @ts-expect-error the controller is settled first
move(tx, 'id', 'provisioning', 'complete', change)
// @ts-expect-error nothing goes back
move(tx, 'id', 'provisioning', 'queued', change)
// @ts-expect-error a result is for good
move(tx, 'id', 'succeeded', 'failed', change)
// @ts-expect-error a result is for good
move(tx, 'id', 'failed', 'succeeded', change)
// @ts-expect-error a retry is a job of its own
move(tx, 'id', 'failed', 'queued', change)
// @ts-expect-error complete is the end
move(tx, 'id', 'complete', 'queued', change)
// @ts-expect-error every change is dated
move(tx, 'id', 'queued', 'failed', {})

// @ts-expect-error the status changes by `move` alone
export const sneaky: JobChange = { status: 'complete' }
// @ts-expect-error a job keeps its machine
export const moved: JobChange = { machineId: 'other' }
// @ts-expect-error the table is not to be changed
NEXT.complete = ['queued']
