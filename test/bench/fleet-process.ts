// SPDX-License-Identifier: AGPL-3.0-or-later
/** A process of its own with many simulated machines: what stands at the other end is not measured. */
import { type RunningMachine, startSimulator } from '../../plugins/simulator/index.ts'
import type { FleetAsk, FleetLoad, FleetOptions, FleetReply } from './fleet.ts'

const options: FleetOptions = JSON.parse(process.argv[2] ?? '{}')
const { count, answerMs, script = 'success', readsWhole = true } = options

const serialOf = (index: number) => `BENCH-${String(index).padStart(5, '0')}`

const simulator = await startSimulator({
  machines: Array.from({ length: count }, (_, index) => ({
    personality: 'dell-r750',
    serial: serialOf(index),
    password: 'bench-secret',
    script,
    // One connection reads the medium to its end, as an installer does after its kernel has come.
    manners: { readsWhole, manyConnections: false, pieceBytes: 262_144 },
  })),
})
for (const machine of simulator.machines) {
  machine.faults.add(async (_, next) => {
    await Bun.sleep(answerMs)
    return next()
  })
}

const order = (first: RunningMachine | undefined) =>
  (first?.requests ?? []).map(({ method, path, body, status }) => ({ method, path, body, status }))

function load(): FleetLoad {
  const sum = (of: (machine: RunningMachine) => number) =>
    simulator.machines.reduce((total, machine) => total + of(machine), 0)
  const { user, system } = process.cpuUsage()
  return {
    requests: sum(({ requests }) => requests.length),
    reads: sum(({ imageReads }) => imageReads.length),
    bytes: sum(({ imageReads }) => imageReads.reduce((total, { bytes }) => total + bytes, 0)),
    cpuMs: (user + system) / 1_000,
  }
}

function reply(ask: FleetAsk): FleetReply {
  const { machines } = simulator
  if (ask === 'load') return { load: load() }
  if (ask === 'requests') return { requests: order(machines[0]) }
  const states = machines.map((machine) => machine.state())
  return {
    sessions: states.reduce((sum, { sessions }) => sum + sessions, 0),
    images: states.flatMap(({ drives }) => drives.flatMap(({ image }) => image ?? [])),
  }
}

process.on('message', (ask: FleetAsk) => process.send?.(reply(ask)))
process.on('disconnect', () => process.exit(0))
process.send?.({
  machines: simulator.machines.map(({ serial, bmcUrl, username, password }) => ({
    ...{ serial, bmc_url: bmcUrl, username, password },
  })),
} satisfies FleetReply)
