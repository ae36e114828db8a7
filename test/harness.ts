// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAddresses } from '../appliance/addresses.ts'
import { type LoadedConfig, loadConfig } from '../appliance/config.ts'
import { type Listeners, openListeners } from '../appliance/listeners.ts'
import { type Appliance, openAppliance } from '../appliance/open.ts'
import { builtInPlugins } from '../appliance/plugins.ts'
import type { Clocks } from '../core/clock.ts'
import { createLog } from '../core/log.ts'
import type { Plugin } from '../core/plugin.ts'
import { writeSampleBootIso } from '../plugins/iso/index.ts'
import {
  type MachineSpec,
  type RunningMachine,
  type Simulator,
  startSimulator,
} from '../plugins/simulator/index.ts'

/** A database in memory-backed storage where there is some: a file, since `:memory:` has one connection. */
const FAST = '/dev/shm'

export interface HarnessOptions {
  /** `table.key=value`, over settings that keep tests quick. */
  readonly set?: readonly string[]
  /** Of an earlier appliance, to start again on its data. */
  readonly dataDir?: string
  readonly clock?: Clock
  readonly plugins?: readonly Plugin[]
}

/** Time turned by hand. */
export interface Clock extends Clocks {
  advance(ms: number): void
  /** Somebody sets the clock, and no time passes: forward, or back below 0. */
  setBy(ms: number): void
}

export function createClock(start = Date.now()): Clock {
  let passed = 0
  let at = start
  return {
    now: () => at + passed,
    uptime: () => passed,
    advance: (ms) => {
      passed += ms
    },
    setBy: (ms) => {
      at += ms
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: stories look into answers as a client would
  readonly body: any
}

/** A whole appliance in this process: real database, real sockets, time by hand. */
export interface RunningAppliance extends AsyncDisposable {
  readonly appliance: Appliance
  readonly listeners: Listeners
  readonly clock: Clock
  readonly dataDir: string
  /** Everything that was logged, one JSON object a line. */
  readonly logged: string[]
  readonly adminToken: string
  /** As the admin, unless `headers` say otherwise. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>
  /** Takes each due row one step further, until none is due. */
  tick(): Promise<number>
  /** Ticks, and turns the clock by `stepMs` when nothing is due, until the job is as asked. */
  until(
    jobId: string,
    done: (job: Answer['body']) => boolean,
    stepMs?: number,
  ): Promise<Answer['body']>
  /** Stops without clearing up, as SIGTERM would; the data stay. */
  stop(): Promise<void>
}

const QUICK = [
  'server.https=127.0.0.1:0',
  'server.local=',
  'server.bmc_http=127.0.0.1:0',
  'server.bmc_https=',
  'log.level=debug',
  'redfish.poll_ms=5',
  'redfish.retry_pause_ms=5',
  'redfish.rung_pause_ms=5',
]

const settled = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export async function startAppliance(options: HarnessOptions = {}): Promise<RunningAppliance> {
  const plugins = options.plugins ?? builtInPlugins
  const config: LoadedConfig = await loadConfig({
    env: {},
    flags: [...QUICK, ...(options.set ?? [])],
    plugins,
    cwd: tmpdir(),
  })
  const parent = (await Bun.file(`${FAST}/.`).exists()) ? FAST : tmpdir()
  const dataDir = options.dataDir ?? (await mkdtemp(join(parent, 'slipway-test-')))
  // Of a start that fails nothing stays open, and no folder.
  await using opening = new AsyncDisposableStack()
  if (!options.dataDir) opening.defer(() => rm(dataDir, { recursive: true, force: true }))
  const clock = options.clock ?? createClock()
  const logged: string[] = []
  const log = createLog(config.core.log.level, { write: (line) => void logged.push(line) })
  const addresses = createAddresses(config.core.server.names)
  const appliance = opening.use(
    await openAppliance({
      ...{ config, dataDir, plugins, addresses, log },
      version: { version: '0.0.0', commit: 'test', commit_date: '' },
      now: clock.now,
      uptime: clock.uptime,
    }),
  )
  const listeners = opening.use(await openListeners(appliance, config.core, addresses, log))
  await appliance.start()
  const adminToken = (await Bun.file(join(dataDir, 'admin.token')).text()).trim()

  const send: RunningAppliance['send'] = async (method, path, body, headers) => {
    const response = await appliance.apps.api.request(path, {
      method,
      headers: {
        Authorization: `Bearer ${adminToken}`,
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    }
  }
  opening.move()
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    await listeners[Symbol.asyncDispose]()
    await appliance[Symbol.asyncDispose]()
  }
  return {
    ...{ appliance, listeners, clock, dataDir, logged, adminToken, send, stop },
    tick: () => appliance.runner.tick(),
    async until(jobId, done, stepMs = 1_000) {
      const deadline = performance.now() + 20_000
      for (;;) {
        const worked = await appliance.runner.tick()
        await appliance.evidence.settled()
        const { body } = await send('GET', `/api/v1/jobs/${jobId}`)
        if (done(body)) return body
        if (performance.now() > deadline) {
          throw new Error(`job ${jobId} did not get there: ${JSON.stringify(body, null, 1)}`)
        }
        // The machine acts on its own sockets: give it real time before the clock moves.
        await settled(5)
        if (worked === 0) clock.advance(stepMs)
      }
    },
    async [Symbol.asyncDispose]() {
      await stop()
      if (!options.dataDir) await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** A bootable maintenance medium, taken in through the API. */
export async function importMaintenance(running: RunningAppliance, sizeBytes?: number) {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-iso-'))
  try {
    const path = join(folder, 'boot.iso')
    await writeSampleBootIso(path, sizeBytes === undefined ? {} : { sizeBytes })
    const response = await running.appliance.apps.api.request('/api/v1/maintenance', {
      method: 'PUT',
      headers: { Authorization: `Bearer ${running.adminToken}` },
      body: await Bun.file(path).arrayBuffer(),
    })
    if (!response.ok) throw new Error(`no maintenance ISO: ${await response.text()}`)
    return (await response.json()) as { sha256: string; size_bytes: number }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Simulated machines, known to the appliance by their serials. */
export async function addSimulated(
  running: RunningAppliance,
  ...specs: MachineSpec[]
): Promise<Simulator & { readonly machines: readonly [RunningMachine, ...RunningMachine[]] }> {
  const simulator = await startSimulator({ machines: specs })
  const [first, ...others] = simulator.machines
  if (!first) throw new Error('no machine was asked for')
  for (const machine of simulator.machines) {
    const { status, body } = await running.send('POST', '/api/v1/machines', {
      serial: machine.serial,
      bmc_url: machine.bmcUrl,
      username: machine.username,
      password: machine.password,
    })
    if (status !== 201) throw new Error(`machine refused: ${JSON.stringify(body)}`)
  }
  return Object.assign(simulator, { machines: [first, ...others] as const })
}

/** A recipe that the Linux workflow takes. */
export const linuxRecipe = {
  task_target: 'install-linux.target',
  target_disk: '/dev/sda',
  oci_url: `images.test/os/debian@sha256:${'a'.repeat(64)}`,
  partition_layout: [
    { size: '512MiB', type_guid: 'ef00', format: 'vfat', mountpoint: '/boot/efi' },
    { size: '100%', type_guid: '8300', format: 'ext4', mountpoint: '/' },
  ],
  user_data: '#cloud-config\nhostname: demo\n',
}
