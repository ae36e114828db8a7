// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Glob } from 'bun'
import { freePort } from '../process.ts'

/** sushy-tools' emulator with its fake driver: one machine that boots nothing, two CD drives. */
export interface Emulator extends AsyncDisposable {
  readonly url: string
  readonly uuid: string
  /** Resolves when it answers. */
  start(): Promise<void>
  /** As a crash would; what it had stored stays. */
  kill(): Promise<void>
  /** Loses what it had stored; only while it does not run. */
  forget(): Promise<void>
  /** Its copies of the images that it was given, newest last: it fetches all of them at the insert. */
  copies(name: string): Promise<readonly string[]>
  system(): Promise<Readonly<Record<string, unknown>>>
  /** Resolves when a line of its log tells of this request. */
  heard(request: RegExp): Promise<void>
  /** As the operating system on the machine would power it off; the emulator takes its time. */
  powerOff(): Promise<void>
}

const READY_MS = 30_000

const drive = (name: string) => `{'Name': '${name}', 'MediaTypes': ['CD', 'DVD']}`

const configOf = (state: string, uuid: string) => `
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_STATE_DIR = '${state}'
SUSHY_EMULATOR_VMEDIA_DEVICES = {'Cd1': ${drive('Virtual CD 1')}, 'Cd2': ${drive('Virtual CD 2')}}
SUSHY_EMULATOR_FAKE_SYSTEMS = [{'uuid': '${uuid}', 'name': 'played', 'power_state': 'On',
  'external_notifier': False, 'nics': []}]
`

/** Starts one; the caller disposes it. `bin` holds its command. */
export async function startEmulator(bin: string): Promise<Emulator> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-sushy-'))
  const [state, temporary] = [join(folder, 'state'), join(folder, 'tmp')]
  const uuid = crypto.randomUUID()
  const config = join(folder, 'emulator.conf')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const log = Bun.file(join(folder, 'emulator.log'))
  const system = `${url}/redfish/v1/Systems/${uuid}`
  let child: Bun.Subprocess | undefined

  const answers = () =>
    fetch(`${url}/redfish/v1/`).then(
      ({ ok }) => ok,
      () => false,
    )
  const kill = async () => {
    child?.kill('SIGKILL')
    await child?.exited
    child = undefined
  }
  const emulator: Emulator = {
    ...{ url, uuid, kill },
    async start() {
      child = Bun.spawn(
        [join(bin, 'sushy-emulator'), '--config', config, '-i', '127.0.0.1', '-p', `${port}`],
        { env: { TMPDIR: temporary }, stdio: ['ignore', log, log] },
      )
      const end = performance.now() + READY_MS
      while (!(await answers())) {
        if (performance.now() > end || child.exitCode !== null) {
          throw new Error(`the emulator does not answer: ${await log.text()}`)
        }
        await Bun.sleep(50)
      }
    },
    forget: () => rm(state, { recursive: true }),
    async copies(name) {
      const found = await Array.fromAsync(new Glob(`**/${name}`).scan(temporary))
      const paths = found.map((path) => join(temporary, path))
      return paths.sort((a, b) => Bun.file(a).lastModified - Bun.file(b).lastModified)
    },
    system: async () => (await (await fetch(system)).json()) as Record<string, unknown>,
    async heard(request) {
      const end = performance.now() + READY_MS
      while (!request.test(await log.text())) {
        if (performance.now() > end) throw new Error(`${request} did not come`)
        await Bun.sleep(50)
      }
    },
    async powerOff() {
      const response = await fetch(`${system}/Actions/ComputerSystem.Reset`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ ResetType: 'ForceOff' }),
      })
      if (!response.ok) throw new Error(`no power off: ${await response.text()}`)
    },
    async [Symbol.asyncDispose]() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
  await mkdir(temporary)
  await Bun.write(config, configOf(state, uuid))
  await emulator.start()
  return emulator
}
