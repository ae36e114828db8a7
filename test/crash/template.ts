// SPDX-License-Identifier: AGPL-3.0-or-later
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSampleBootIso } from '../../plugins/iso/index.ts'
import type { RunningMachine } from '../../plugins/simulator/index.ts'
import { linuxRecipe } from '../harness.ts'
import { type ApplianceProcess, applianceProcess } from '../process.ts'
import { installAudit } from './audit.ts'

/** What makes a life with crashes quick: nothing waits longer than it must. */
export const QUICK: readonly string[] = [
  'limits.media_seen_s=2',
  'limits.claim_s=3',
  'limits.start_grace_s=1',
  'redfish.retry_pause_ms=5',
  'redfish.rung_pause_ms=5',
]

/** Data of an appliance that was started once: keys, a maintenance medium, the audit in its database. */
export interface Template extends AsyncDisposable {
  readonly folder: string
}

export async function makeTemplate(): Promise<Template> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-template-'))
  await using first = await applianceProcess()
  const bootIso = join(first.dataDir, 'boot.iso')
  await writeSampleBootIso(bootIso)
  await first.start()
  const { status, body } = await first.send('PUT', '/api/v1/maintenance', Bun.file(bootIso))
  if (status >= 300) throw new Error(`no maintenance ISO: ${JSON.stringify(body)}`)
  await first.end('SIGTERM')
  await rm(bootIso)
  installAudit(first.dataDir)
  await cp(first.dataDir, folder, { recursive: true })
  return {
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

export async function addMachine(appliance: ApplianceProcess, machine: RunningMachine) {
  const { serial, bmcUrl, username, password } = machine
  const row = { serial, bmc_url: bmcUrl, username, password }
  const { status, body } = await appliance.send('POST', '/api/v1/machines', row)
  if (status !== 201) throw new Error(`machine refused: ${JSON.stringify(body)}`)
}

/** The id of the job. A submit that was cut is sent again with its key, and makes no second job. */
export async function submitJob(
  appliance: ApplianceProcess,
  serial: string,
  key: string,
): Promise<string> {
  const request = { server_serial: serial, recipe: linuxRecipe }
  const headers = { 'Idempotency-Key': key }
  const { status, body } = await appliance.send('POST', '/api/v1/jobs', request, headers)
  if (status >= 300) throw new Error(`job refused: ${JSON.stringify(body)}`)
  return body.job_id
}
