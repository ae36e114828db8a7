// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Answer, importMaintenance, linuxRecipe, startAppliance } from '../harness.ts'
import type { Chance } from './chance.ts'
import { type HostileBmc, hostileBmc } from './hostile-bmc.ts'
import { badLines } from './stage.ts'

/** Controllers that are silent or slow are given up after seconds, not minutes. */
const SHORT = [
  'redfish.connect_timeout_s=0.5',
  'redfish.request_timeout_s=1',
  'redfish.insert_timeout_s=2',
  'redfish.insert_confirm_s=0.1',
  'redfish.eject_timeout_s=0.1',
  'redfish.boot_timeout_s=1',
  'redfish.power_timeout_s=1',
  'redfish.retries=2',
  'redfish.breaker_pause_s=0.05',
  'limits.cleanup_s=1',
  'jobs.concurrency=50',
]

/** What every job must end within, on the computer's clock. */
export const VOLLEY_LIMIT_MS = 60_000

/** How the jobs of a volley ended: what is wrong, and how often which code came. */
export interface Endings {
  readonly findings: string[]
  readonly codes: Map<string, number>
}

const BUG = /undefined|is not a function|TypeError|RangeError|Cannot read|\[object/

function judge(name: string, job: Answer['body'], { findings, codes }: Endings): void {
  const code: string = job.failed_code ?? job.result ?? job.status
  codes.set(code, (codes.get(code) ?? 0) + 1)
  const reason: string = job.failed_reason ?? ''
  const told = job.events.find(({ message }: { readonly message: string }) => BUG.test(message))
  const say = (what: string) =>
    findings.push(`${name}: ${what}: ${code}: ${reason || told?.message}`)
  if (job.status !== 'complete') say(`no end, ${job.status}`)
  else if (code === 'job.unexpected') say('a bug')
  else if (code === 'job.step-timeout') say('a bare time-out')
  else if (job.result === 'failed' && !/^\S+( \S+){4,}/.test(reason)) say('no sentence')
  else if (told) say('a bug in an event')
}

/** One job on each of so many hostile controllers, all at once. */
export async function fireControllers(
  count: number,
  chance: Chance,
  endings: Endings,
): Promise<void> {
  await using running = await startAppliance({ set: SHORT })
  await using scope = new AsyncDisposableStack()
  await importMaintenance(running)
  const begun: { readonly id: string; readonly hostile: HostileBmc }[] = []
  for (let index = 0; index < count; index++) {
    const hostile = scope.use(await hostileBmc(chance))
    const serial = `HOSTILE-${index}`
    const bmc = { bmc_url: hostile.bmc.url, username: 'admin', password: 'secret-word' }
    await running.send('POST', '/api/v1/machines', { serial, ...bmc })
    const request = { server_serial: serial, recipe: linuxRecipe }
    const { body } = await running.send('POST', '/api/v1/jobs', request)
    begun.push({ id: body.job_id, hostile })
  }
  const end = performance.now() + VOLLEY_LIMIT_MS
  const jobOf = async (id: string) => (await running.send('GET', `/api/v1/jobs/${id}`)).body
  for (let open = begun; open.length > 0 && performance.now() < end; ) {
    await running.tick()
    const jobs = await Promise.all(open.map(async (each) => ({ each, job: await jobOf(each.id) })))
    open = jobs.filter(({ job }) => job.status !== 'complete').map(({ each }) => each)
    // Longer than media may stay unseen: who was launched is judged.
    running.clock.advance(16 * 60_000)
  }
  for (const { id, hostile } of begun) judge(hostile.name, await jobOf(id), endings)
  endings.findings.push(...badLines(running.logged))
}
