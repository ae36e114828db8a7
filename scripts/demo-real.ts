// SPDX-License-Identifier: AGPL-3.0-or-later
/** The demo with a machine that is none of ours: see scripts/demo, test/e2e. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { maintenanceIso, nodeImage, qemuTree, ToolFailure } from '../test/e2e/artifacts.ts'
import { type Installation, install, type Phase } from '../test/e2e/install.ts'
import { makeSshKey } from '../test/e2e/ssh.ts'
import { openStage, type Stage, StageFailure } from '../test/e2e/stage.ts'
import { executable } from './demo-part.ts'

const HOSTNAME = 'slipway-demo'
const say = (line: string) => process.stderr.write(`${line}\n`)

const { values } = parseArgs({
  options: {
    real: { type: 'boolean' },
    json: { type: 'boolean', default: false },
    /** Instead of one that is built for this executable. */
    maintenance: { type: 'string' },
  },
})

/** How long each of what comes before the job took. */
const before: Phase[] = []
async function timed<T>(phase: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now()
  const made = await work()
  before.push({ phase, seconds: Math.round((performance.now() - started) / 100) / 10 })
  return made
}

/** What a user would see, on stderr, until the job is complete. */
function watchJob(stage: Stage, scope: AsyncDisposableStack): (id: string) => void {
  return (id) => {
    const { url, dataDir } = stage.appliance
    const command = [executable, 'job', 'watch', id, '--url', url, '--data', dataDir]
    const child = Bun.spawn(command, { stdio: ['ignore', 2, 2] })
    scope.defer(async () => {
      child.kill()
      await child.exited
    })
  }
}

function table(phases: readonly Phase[]): string {
  const total = phases.reduce((sum, { seconds }) => sum + seconds, 0)
  const rows = [...phases, { phase: 'in all', seconds: total }]
  const width = Math.max(...rows.map(({ phase }) => phase.length))
  return rows
    .map(({ phase, seconds }) => `${phase.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s`)
    .join('\n')
}

function tell({ job, hostname, bytesRead, phases }: Installation): number {
  const all = [...before, ...phases]
  const succeeded = job.result === 'succeeded' && hostname === HOSTNAME
  const end = {
    result: job.result ?? null,
    hostname: hostname ?? null,
    ssh: hostname !== undefined,
    bytes_read: bytesRead,
    failed_step: job.failed_step ?? null,
  }
  if (values.json) process.stdout.write(`${JSON.stringify([...all, end])}\n`)
  else {
    process.stdout.write(`\n${table(all)}\n`)
    process.stdout.write(`${bytesRead.toLocaleString('en')} bytes of the media were read\n`)
    if (hostname !== undefined) process.stdout.write(`the machine says that it is ${hostname}\n`)
  }
  if (!succeeded) say(`demo: ${job.failed_step ?? 'no step'}: ${job.failed_reason ?? ''}`)
  return succeeded ? 0 : 1
}

async function play(scope: AsyncDisposableStack, folder: string): Promise<number> {
  const qemu = await timed('QEMU', () => qemuTree(say))
  const node = await timed('root file system', () => nodeImage(say))
  const iso = await timed('maintenance ISO', async () =>
    values.maintenance ? resolve(values.maintenance) : await maintenanceIso(executable, say),
  )
  const stage = await timed('appliance with its images', async () =>
    scope.use(
      await openStage({
        ...{ executable, qemu, iso, node, folder },
        tell: (line) => say(`machine: ${line}`),
      }),
    ),
  )
  const key = await makeSshKey(folder)
  try {
    const submitted = watchJob(stage, scope)
    return tell(await install(stage, key, HOSTNAME, { submitted }))
  } catch (error) {
    const console = await readFile(stage.serialFile, 'utf8').catch(() => '')
    say(`the end of the machine's console:\n${console.slice(-2_000)}`)
    throw error
  }
}

async function main(): Promise<number> {
  await using scope = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-real-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void scope.disposeAsync().finally(() => process.exit(130)))
  }
  try {
    return await play(scope, folder)
  } catch (error) {
    // A bug of ours keeps its stack.
    if (!(error instanceof ToolFailure) && !(error instanceof StageFailure)) throw error
    say(`demo: ${error.message}`)
    return 1
  }
}

process.exit(await main())
