// SPDX-License-Identifier: AGPL-3.0-or-later
import { openToken } from '../../core/jobs/secrets.ts'
import { openSealer } from '../../core/seal.ts'
import type { RunningAppliance } from '../harness.ts'
import { post, ready } from '../stage.ts'

/** The machine's calls, made by the test: the machine itself boots and says nothing. */
export interface Voice {
  claim(nonce?: string): Promise<number>
  report(body: object): ReturnType<RunningAppliance['send']>
}

export async function voiceOf(
  running: RunningAppliance,
  serial: string,
  id: string,
): Promise<Voice> {
  const job = await running.appliance.jobs.get(id)
  if (!job) throw new Error('no job')
  const token = openToken(await openSealer(`${running.dataDir}/keys/seal.key`), job)
  const bearer = { Authorization: `Bearer ${token}` }
  return {
    async claim(nonce = 'nonce-number-1') {
      const body = { nonce, boot_id: 'boot-1', serial }
      return (await running.send('POST', `/api/v1/claim/${id}`, body, bearer)).status
    },
    report: (body) => running.send('POST', `/api/v1/status-webhook/${serial}`, body, bearer),
  }
}

/** A job in the queue, on a machine that the test speaks for. */
export async function queued(set: readonly string[] = []) {
  const stage = await ready({ script: 'never-claim' }, set)
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  return { ...stage, id, voice: await voiceOf(running, machine.serial, id) }
}

/** A job whose machine is on and was not heard of. */
export async function launched(set: readonly string[] = []) {
  const stage = await queued(set)
  await stage.running.until(stage.id, (job) => job.powered_on_at !== undefined)
  return stage
}
