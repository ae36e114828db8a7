// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { Interception, Manners } from '../../plugins/simulator/index.ts'
import type { Answer } from '../harness.ts'
import { complete, post, ready } from '../stage.ts'

/** One thing that a controller does, where it was seen, and how a job ends under it. */
export interface FaultCase {
  readonly name: string
  /** Row of the fact catalogue, or the report it comes from. */
  readonly source: string
  /** Default the iDRAC 9. */
  readonly personality?: string
  readonly manners?: Partial<Manners>
  /** Made anew for each run: some count. */
  readonly faults?: () => readonly Interception[]
  /** `table.key=value` of the configuration: limits that suit a test. */
  readonly set?: readonly string[]
  /** Undefined: the job succeeds. */
  readonly fails?: { readonly step: string; readonly code: string; readonly says: RegExp }
  /** A line that must stand in the log of a job that succeeds. */
  readonly notes?: RegExp
}

/** The longest time of one case on a busy machine, in ms. */
const PATIENCE = 60_000
/** Limits that hold for a controller that never does what it should. */
const LIMITS = ['redfish.insert_confirm_s=0.3', 'redfish.eject_timeout_s=0.5']

/** A time-out alone tells nobody what to do. */
const REMEDY =
  /[Cc]heck|[Ll]ook|[Ii]nstall|[Ll]ift|[Cc]lose|[Rr]estart|[Ee]ject|[Ss]et |[Gg]ive|[Tt]ry|[Uu]pdate|[Ss]witch|may be|read |make|allows only|only from|left alone/

async function play(one: FaultCase): Promise<Answer['body']> {
  const { personality = 'dell-r750', manners = {}, faults = () => [], set = [] } = one
  await using stage = await ready({ personality, manners }, [...LIMITS, ...set])
  const { running, machine } = stage
  for (const fault of faults()) machine.faults.add(fault)
  const id = await post(running, machine.serial)
  const job = await running.until(id, (one) => complete(one) || one.error !== undefined, 10_000)
  if (job.error)
    throw new Error(
      `the API failed: ${running.logged.filter((line) => line.includes('stack')).join()}`,
    )
  return job
}

/** Every case as a whole job: to its end, or to a named fault that says what to do. */
export function faultTable(cases: readonly FaultCase[]): void {
  test.each(cases.map((one) => [one.name, one.source, one] as const))(
    '%s (%s)',
    async (_name, _source, one) => {
      const job = await play(one)
      const { result, failed_step: step, failed_code: code, failed_reason: reason = '' } = job
      if (!one.fails) {
        expect({ result, step, reason }).toMatchObject({ result: 'succeeded' })
        if (one.notes) expect(JSON.stringify(job.log ?? job.events)).toMatch(one.notes)
        return
      }
      const { says, ...named } = one.fails
      expect({ result, step, code, reason }).toMatchObject({ result: 'failed', ...named })
      expect(reason).toMatch(says)
      expect(reason).toMatch(REMEDY)
      expect(code).not.toBe('job.step-timeout')
    },
    PATIENCE,
  )
}
