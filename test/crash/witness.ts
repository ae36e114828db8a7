// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MachineState, RunningMachine } from '../../plugins/simulator/index.ts'
import type { AuditedJob } from './audit.ts'

/** Watches one machine from its own side, through every change, and writes down what must not be. */
export interface Witness {
  /** What was wrong so far. */
  readonly findings: readonly string[]
  /** What is wrong with the machine once `jobs` are over; so many sessions may be left. */
  atEnd(jobs: readonly AuditedJob[], sessions?: number): string[]
}

/** From the answer to its claim to the answer to its report nobody but the machine touches its power. */
const WORKING = new Set(['claimed', 'writing', 'finishing'])
const RUNS = new Set(['On', 'PoweringOn'])

const isReset = (path: string) => path.endsWith('ComputerSystem.Reset')
const images = (state: MachineState) =>
  state.drives.flatMap(({ occupied, image }) => (occupied && image ? [image] : []))

export function watch(machine: RunningMachine): Witness {
  const findings: string[] = []
  const find = (what: string) => {
    if (!findings.includes(what)) findings.push(what)
  }
  /** Images of jobs that the machine has reported, and was off after: none may boot again. */
  const spent = new Set<string>()
  let reported: string[] = []
  let stageBefore: MachineState['stage']

  machine.faults.add((asked, next) => {
    const { stage } = machine.state()
    if (isReset(asked.path) && stage && WORKING.has(stage)) {
      find(`power was touched while the machine was ${stage}: ${asked.text}`)
    }
    return next()
  })
  const look = (state: MachineState): boolean => {
    // What is in when the machine reports; later the next job's may be.
    if (state.stage === 'reported' && stageBefore !== 'reported') reported = images(state)
    stageBefore = state.stage
    if (state.power === 'Off') for (const image of reported.splice(0)) spent.add(image)
    if (RUNS.has(state.power) && images(state).some((image) => spent.has(image))) {
      find('the machine is on again with the media of a job that is over')
    }
    const { writtenBy, units } = state.disk
    if (new Set(units).size < units.length) find(`job ${writtenBy} began its work twice: ${units}`)
    return false
  }
  // Asked at every change; it never holds, and ends with the simulator.
  machine.waitFor(look, 3_600_000).catch(() => undefined)

  return {
    findings,
    atEnd(jobs, sessions = 0) {
      const state = machine.state()
      look(state)
      const late: string[] = []
      if (images(state).length > 0) late.push(`media left: ${images(state)}`)
      if (state.sessions > sessions) late.push(`${state.sessions} sessions left`)
      for (const job of jobs) {
        const touched = machine.requests.filter(
          ({ path, at }) =>
            isReset(path) && at > (job.claimed_at ?? Infinity) && at < (job.settle_begun_at ?? 0),
        )
        if (touched.length > 0) late.push(`power was touched between claim and end of ${job.id}`)
        const { writtenBy, units, bootable } = state.disk
        if (writtenBy === job.id && job.claimed_at === null) late.push(`${job.id} wrote unclaimed`)
        if (writtenBy !== job.id || job.result !== 'succeeded') continue
        if (units.length !== 4 || !bootable) late.push(`${job.id} succeeded with ${units} written`)
        if (job === jobs.at(-1) && state.power !== 'On') late.push(`${state.power} after success`)
      }
      return [...findings, ...late]
    },
  }
}
