// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startSimulator } from '../../plugins/simulator/index.ts'
import { type ApplianceProcess, applianceProcess } from '../process.ts'
import { complete } from '../stage.ts'
import { addMachine, makeTemplate, QUICK, submitJob } from './template.ts'

const WHY = Bun.which('strace') ? '' : ' (skipped: strace is not installed)'
const CALLS = 'fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg'

/** Follows the system calls of a running appliance into a file, until disposed. */
async function traced(appliance: ApplianceProcess) {
  const [pid = ''] = (await readFile(join(appliance.dataDir, 'slipway.lock'), 'utf8')).split(' ')
  const file = join(appliance.dataDir, 'strace.txt')
  const strace = Bun.spawn(
    ['strace', '-f', '-y', '-s', '512', '-e', CALLS, '-o', file, '-p', pid],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  // Read to its end: strace says more as threads come and go, and dies when nobody listens.
  const attached = Promise.withResolvers<void>()
  const listening = (async () => {
    let said = ''
    for await (const piece of strace.stderr) {
      said += Buffer.from(piece).toString()
      if (said.includes('attached')) attached.resolve()
    }
    attached.reject(new Error(`strace could not attach: ${said}`))
  })()
  await attached.promise
  return {
    async read() {
      strace.kill('SIGINT')
      await Promise.all([strace.exited, listening])
      return (await readFile(file, 'utf8')).split('\n')
    },
  }
}

/** Order of what matters: the log of the database is written, synced; the controller is asked. */
function story(lines: readonly string[]): string {
  const words = lines.map((line) => {
    if (line.includes('slipway.db-wal>')) {
      if (/pwrite64\(/.test(line)) return 'w'
      if (/(fdatasync|fsync)\(/.test(line)) return 's'
    }
    if (/ComputerSystem\.Reset/.test(line)) return 'P'
    return /InsertMedia|EjectMedia/.test(line) ? 'M' : ''
  })
  return words.join('')
}

test.skipIf(WHY !== '')(
  `what is journalled is synced before the controller is asked to touch power or media${WHY}`,
  async () => {
    await using template = await makeTemplate()
    await using simulator = await startSimulator({ machines: [{ personality: 'dell-r750' }] })
    const [machine] = simulator.machines
    if (!machine) throw new Error('no machine')
    await using appliance = await applianceProcess(QUICK, { dataFrom: template.folder })
    await appliance.start()
    await addMachine(appliance, machine)
    const trace = await traced(appliance)
    const id = await submitJob(appliance, machine.serial, 'only')
    expect(await appliance.until(id, complete)).toMatchObject({ result: 'succeeded' })
    const told = story(await trace.read())
    // Off and on at the start; on at the end: the machine powers itself off before.
    expect(told.match(/P/g)?.length ?? 0).toBeGreaterThanOrEqual(3)
    expect(told.match(/M/g)?.length ?? 0).toBeGreaterThanOrEqual(4)
    // Between a write of the log and the next word to the controller there is always a sync.
    expect(told).not.toMatch(/w[PM]/)
    expect(told).toMatch(/w+sw*s?P/)
  },
  120_000,
)
