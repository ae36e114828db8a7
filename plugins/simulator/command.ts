// SPDX-License-Identifier: AGPL-3.0-or-later
import { selfSigned } from '../../core/certificates/self-signed.ts'
import { Fault, sentence } from '../../core/faults.ts'
import type { Command } from '../../core/plugin.ts'
import type { MachineInput } from '../../schemas/machine.ts'
import { type CommandOptions, readArguments, USAGE } from './arguments.ts'
import { type RunningMachine, type Simulator, startSimulator } from './simulator.ts'

const FAILED = 1
const WRONG_USAGE = 2
const CERTIFICATE_DAYS = 30

/** `slipway simulator`: controllers in a process of their own, until it is told to end. */
export const simulatorCommand: Command = {
  name: 'simulator',
  summary: 'run simulated controllers with machines behind them, to try things without hardware',
  async run(args) {
    try {
      const options = readArguments(args)
      if (options.help) {
        process.stdout.write(USAGE)
        return 0
      }
      await runUntilSignal(options)
      return 0
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const wrongUsage = error.kind.status === 400
      process.stderr.write(`${sentence(error)}\n`)
      if (wrongUsage) process.stderr.write('see slipway simulator --help\n')
      return wrongUsage ? WRONG_USAGE : FAILED
    }
  },
}

async function runUntilSignal(options: CommandOptions): Promise<void> {
  // Listened for first: a signal during the start must not end it half-way.
  const told = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => told.resolve())
  const { host, port, machines, pace, quiet } = options
  const tls = options.https ? selfSigned({ names: [host], days: CERTIFICATE_DAYS }) : undefined
  await using simulator = await startSimulator({
    machines,
    pace,
    listen: { host, port },
    ...(tls && { tls }),
    ...(!quiet && {
      // Stdout belongs to the list of machines.
      tell: ({ serial, what, detail }) => process.stderr.write(`${serial} ${what}: ${detail}\n`),
    }),
  })
  process.stdout.write(
    options.json ? importDocument(simulator, tls?.fingerprint) : lines(simulator),
  )
  await told.promise
}

/** What `slipway machine import` takes. */
function importDocument({ machines }: Simulator, fingerprint: string | undefined): string {
  const rows = machines.map((machine) => ({
    serial: machine.serial,
    bmc_url: machine.bmcUrl,
    username: machine.username,
    password: machine.password,
    ...(fingerprint !== undefined && { tls: { mode: 'pin', fingerprint } as const }),
    labels: { simulated: machine.personality },
  })) satisfies Partial<MachineInput>[]
  return `${JSON.stringify({ machines: rows }, null, 2)}\n`
}

function lines({ machines }: Simulator): string {
  const line = ({ personality, serial, bmcUrl, username, password }: RunningMachine) =>
    `${personality.padEnd(16)}${serial.padEnd(18)}${bmcUrl}  ${username} ${password}\n`
  return `${machines.map(line).join('')}ready; --json prints this for slipway machine import\n`
}
