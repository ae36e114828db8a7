// SPDX-License-Identifier: AGPL-3.0-or-later
/** The demo, with nothing but the executable: see scripts/demo. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { JobAccepted, JobView } from '../schemas/job.ts'
import type { SurveyView } from '../schemas/machine.ts'
import { freePorts } from '../test/binary/executable.ts'
import { complaint, type DemoJob, recipe, roles, rowOf, type StartedJob } from './demo-jobs.ts'
import { command, DemoFailure, Part } from './demo-part.ts'
import { ProgressView, table } from './demo-view.ts'

const START_LIMIT_MS = 30_000
const JOBS_LIMIT_MS = 180_000

const say = (line: string) => process.stderr.write(`${line}\n`)

interface Appliance {
  readonly part: Part
  /** Options that lead the command line to it. */
  readonly client: readonly string[]
  readonly url: string
  readonly tokenFile: string
}

async function startAppliance(scope: AsyncDisposableStack, folder: string): Promise<Appliance> {
  const [local = 0, field = 0, https = 0, fieldTls = 0] = await freePorts(4)
  const listeners = { local, bmc_http: field, https, bmc_https: fieldTls }
  const settings = Object.entries(listeners).flatMap(([key, port]) => [
    '--set',
    `server.${key}=127.0.0.1:${port}`,
  ])
  const data = join(folder, 'data')
  // found before the file of an appliance that is installed here
  await Bun.write(join(folder, 'slipway.toml'), '')
  const part = scope.use(new Part('appliance', folder, ['serve', '--data', data, ...settings]))
  const url = `http://127.0.0.1:${local}`
  await part.until(START_LIMIT_MS, async () =>
    (await fetch(`${url}/healthz`).catch(() => undefined))?.ok ? true : undefined,
  )
  return { part, url, client: ['--url', url, '--data', data], tokenFile: join(data, 'admin.token') }
}

/** Starts the controllers; returns the file with which their machines are imported. */
async function startSimulator(scope: AsyncDisposableStack, folder: string) {
  const machines = roles.flatMap(({ personality, failsAt }) => [
    '--machine',
    failsAt ? `${personality},script=fail-at=${failsAt}` : personality,
  ])
  const part = scope.use(new Part('simulator', folder, ['simulator', '--json', ...machines]))
  const list = await part.until(START_LIMIT_MS, async () => {
    const text = await readFile(part.stdoutFile, 'utf8')
    return text.endsWith('}\n')
      ? (JSON.parse(text) as { machines: { serial: string }[] })
      : undefined
  })
  return { part, file: part.stdoutFile, serials: list.machines.map(({ serial }) => serial) }
}

async function createJob(appliance: Appliance, folder: string, serial: string): Promise<string> {
  const file = join(folder, `job-${serial}.json`)
  await Bun.write(file, JSON.stringify({ server_serial: serial, recipe }))
  const args = ['job', 'create', '-f', file, '--json', ...appliance.client]
  return (JSON.parse(await command(folder, args)) as JobAccepted).job_id
}

/** Watches until all are complete or the limit is over. Throws when a part dies. */
async function follow(
  { url, part, tokenFile }: Appliance,
  simulator: Part,
  started: readonly StartedJob[],
): Promise<readonly DemoJob[]> {
  const token = (await readFile(tokenFile, 'utf8')).trim()
  const headers = { authorization: `Bearer ${token}` }
  const progress = new ProgressView()
  const end = performance.now() + JOBS_LIMIT_MS
  for (;;) {
    for (const one of [part, simulator]) await one.stillRuns()
    const jobs = await Promise.all(
      started.map(async (job) => {
        const response = await fetch(`${url}/api/v1/jobs/${job.id}`, { headers })
        if (!response.ok) throw await part.failure(`${response.url} answered ${response.status}`)
        return { ...job, view: (await response.json()) as JobView }
      }),
    )
    progress.show(jobs)
    const complete = jobs.every((job) => job.view.status === 'complete')
    if (complete || performance.now() > end) return jobs
    await Bun.sleep(200)
  }
}

/** What is wrong with a job, with its events and what the simulated machine says of itself. */
async function jobFailure(why: string, job: DemoJob, simulator: Part): Promise<DemoFailure> {
  const events = (job.view.events ?? []).map(({ time, message }) => `${time} ${message}`)
  const machine = (await readFile(simulator.logFile, 'utf8')).split('\n')
  const lines = [
    ...events.slice(-15),
    ...machine.filter((line) => line.startsWith(job.serial)).slice(-15),
  ]
  return new DemoFailure(why, lines.join('\n'))
}

async function play(scope: AsyncDisposableStack, folder: string, keep: boolean, json: boolean) {
  say('starting the appliance and three simulated controllers')
  const appliance = await startAppliance(scope, folder)
  const simulator = await startSimulator(scope, folder)
  const run = (...args: string[]) => command(folder, [...args, ...appliance.client])

  say('making a small boot ISO and importing it with the machines')
  const iso = join(folder, 'sample-boot.iso')
  await command(folder, ['iso', 'sample', '-o', iso])
  await run('maintenance', 'import', iso)
  await run('machine', 'import', simulator.file, '--format', 'json')

  const machines: Omit<StartedJob, 'id'>[] = []
  for (const [index, role] of roles.entries()) {
    const serial = simulator.serials[index] ?? ''
    const survey = JSON.parse(await run('machine', 'probe', serial, '--json')) as SurveyView
    say(`probed ${serial}: ${survey.vendor} ${survey.model}, profile ${survey.profile}`)
    machines.push({ vendor: survey.vendor, serial, role })
  }
  const started: StartedJob[] = []
  for (const machine of machines) {
    started.push({ ...machine, id: await createJob(appliance, folder, machine.serial) })
  }
  const jobs = await follow(appliance, simulator.part, started)

  const rows = jobs.map(rowOf)
  process.stdout.write(json ? `${JSON.stringify(rows)}\n` : `\n${table(rows)}\n`)
  for (const job of jobs) {
    const why = complaint(job)
    if (why !== undefined) throw await jobFailure(why, job, simulator.part)
  }
  if (keep) tellHowToGoOn(appliance, simulator.part, folder)
}

function tellHowToGoOn(
  { url, part, client, tokenFile }: Appliance,
  simulator: Part,
  folder: string,
) {
  say(`\nleft running: the appliance at ${url} and its simulated machines`)
  say(`token:    ${tokenFile}`)
  say(`try:      dist/slipway job list ${client.join(' ')}`)
  say(`the end:  kill ${part.process.pid} ${simulator.process.pid}; sleep 2; rm -rf ${folder}`)
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  await using scope = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-demo-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))
  let interrupted: Promise<never> | undefined
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted ??= scope.disposeAsync().then(() => process.exit(130))
    })
  }
  try {
    await play(scope, folder, values.keep, values.json)
    // what was registered for the end is forgotten: the parts go on
    if (values.keep) scope.move()
    return 0
  } catch (error) {
    // the parts ended because we ended them
    if (interrupted) return await interrupted
    if (!(error instanceof DemoFailure)) throw error
    say(`\ndemo: ${error.message}`)
    if (error.lastLines) say(error.lastLines.replace(/^/gm, '  | '))
    return 1
  }
}

process.exit(await main())
