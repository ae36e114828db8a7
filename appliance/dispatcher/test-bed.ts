// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFile, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { writeIso } from '../../plugins/iso/index.ts'
import { dispatch } from './dispatch.ts'
import { type MachineOs, type Ran, type RunOptions, thisMachine } from './machine-os.ts'
import type { DispatchOptions } from './parts.ts'

/** A disk of a machine in a test: a sparse file below its root. */
export interface TestDisk {
  readonly path: string
  readonly sizeBytes: number
  readonly serial?: string
  readonly wwn?: string
  readonly model?: string
  readonly rotational?: boolean
  readonly readOnly?: boolean
  readonly kind?: string
  readonly mounted?: readonly string[]
  readonly partitions?: readonly string[]
}

/** A unit of the target, and how it ends, by the words of `systemctl show`. */
export interface TestUnit {
  readonly name: string
  /** `success` unless given. */
  readonly result?: string
  readonly status?: number
  /** Looks at it before it ends. */
  readonly looks?: number
  /** What it wrote to the journal. */
  readonly journal?: readonly string[]
  /** What it appended to the news of steps. */
  readonly news?: readonly object[]
}

/** A network card, with a link and an address unless said otherwise. */
export interface TestLink {
  readonly name: string
  readonly mac: string
  readonly carrier?: boolean
  /** With its prefix; undefined for the usual one, empty for none. */
  readonly address?: string
  /** Of what is no card. */
  readonly kind?: string
}

/** A unit at one look. */
interface UnitNow {
  readonly active: string
  readonly result: string
  readonly status: number
  readonly ended: number
  readonly ran: boolean
}

/** The machine's own end, thrown into whatever waits: a kill of the dispatcher. */
export class Killed extends Error {}

/** A machine below a folder: its files are real, its programs those that a test can not have. */
export class TestMachine implements MachineOs, AsyncDisposable {
  readonly root: string
  isRoot = true
  env: Record<string, string> = {}
  /** Commands in their order, but for questions. */
  readonly ran: string[] = []
  readonly told: string[] = []
  disks: readonly TestDisk[] = []
  units: readonly TestUnit[] = []
  target = 'install-linux.target'
  /** What `ip -json` says; undefined where there is no such program. */
  links: readonly TestLink[] | undefined = [{ name: 'eth0', mac: '52:54:00:00:00:01' }]
  /** Commands that end otherwise, by their first words. */
  readonly instead = new Map<string, Ran>()
  /** The dispatcher is killed when it runs or waits for the so manieth time. */
  killAt = Number.POSITIVE_INFINITY
  onPause: (() => void | Promise<void>) | undefined
  #clock: number
  #elapsed = 0
  #moments = 0
  #process = new AbortController()
  #started = false
  #stopped = false
  readonly #looks = new Map<string, number>()
  #journaled = 0

  constructor(root: string, now = Date.now()) {
    this.root = root
    this.#clock = now
  }

  now = () => this.#clock
  elapsed = () => this.#elapsed

  setClock(ms: number): void {
    this.#clock = ms
  }

  async pause(ms: number): Promise<void> {
    this.#clock += ms
    this.#elapsed += ms
    this.#live()
    await this.onPause?.()
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** A kill lets a process do nothing any more: no command, no call. */
  #live(): void {
    this.#moments += 1
    if (this.#moments >= this.killAt) this.#process.abort(new Killed('killed'))
    this.#process.signal.throwIfAborted()
  }

  async file(path: string, content: string | Uint8Array): Promise<void> {
    const here = join(this.root, path)
    await mkdir(dirname(here), { recursive: true })
    await writeFile(here, content)
  }

  /** A medium in a drive. */
  async insert(name: string, image: string): Promise<void> {
    const size = Bun.file(image).size
    await this.file(`/sys/class/block/${name}/size`, String(Math.ceil(size / 512)))
    await mkdir(join(this.root, 'dev'), { recursive: true })
    await copyFile(image, join(this.root, `/dev/${name}`))
  }

  /** An empty drive: its device stays. */
  async eject(name: string): Promise<void> {
    await this.file(`/sys/class/block/${name}/size`, '0')
    await this.file(`/dev/${name}`, '')
  }

  /** Disks as sparse files; what was on them stays. */
  async plug(...disks: readonly TestDisk[]): Promise<void> {
    this.disks = disks
    for (const { path, sizeBytes, partitions = [] } of disks) {
      const name = path.replace('/dev/', '')
      await this.file(`/sys/class/block/${name}/size`, String(sizeBytes / 512))
      const here = join(this.root, path)
      if (!(await Bun.file(here).exists())) await this.file(path, '')
      await truncate(here, sizeBytes)
      for (const partition of partitions) await this.file(partition, '')
    }
  }

  async link(from: string, to: string): Promise<void> {
    const here = join(this.root, from)
    await mkdir(dirname(here), { recursive: true })
    await symlink(join(this.root, to), here)
  }

  get started(): boolean {
    return this.#started
  }

  async run(command: readonly string[], options?: RunOptions): Promise<Ran> {
    this.#live()
    const line = command.join(' ')
    for (const [words, ran] of this.instead) if (line.startsWith(words)) return ran
    const [program = ''] = command
    if (program === 'lsblk') return done(this.#lsblk())
    if (program === 'wipefs') return await this.#wipefs(command, options)
    if (program === 'ip' && this.links) return done(JSON.stringify(this.links.map(ipLink)))
    if (program === 'journalctl') return done(this.#journal())
    if (line.startsWith('systemctl show')) return done(this.#show(command.slice(4)))
    this.ran.push(line)
    if (program === 'systemctl') return this.#systemctl(command)
    if (program === 'networkctl') return done('')
    if (program === 'date') this.#clock = Number(line.split('@')[1]) * 1_000
    return program === 'date' ? done('') : { code: 127, stdout: '', stderr: `no ${program}` }
  }

  /** Power off and on: all but disks and media is as new. */
  async reboot(units: readonly TestUnit[]): Promise<void> {
    await rm(join(this.root, '/run'), { recursive: true, force: true })
    await this.file('/proc/sys/kernel/random/boot_id', crypto.randomUUID())
    this.units = units
    this.#started = false
    this.#stopped = false
    this.#looks.clear()
    this.#journaled = 0
    this.ran.length = 0
  }

  /** One run of the dispatcher. */
  async dispatch(options: Partial<DispatchOptions> = {}): Promise<number> {
    this.#moments = 0
    this.#process = new AbortController()
    return await dispatch({
      os: this,
      options: { ...OPTIONS, ...options },
      signal: this.#process.signal,
      tell: (message) => void this.told.push(message),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true })
  }

  /** In the shape that util-linux 2.38 prints. */
  #lsblk(): string {
    const device = (disk: TestDisk) => ({
      path: disk.path,
      type: disk.kind ?? 'disk',
      size: disk.sizeBytes,
      rota: disk.rotational ?? false,
      ro: disk.readOnly ?? false,
      model: disk.model ?? null,
      serial: disk.serial ?? null,
      wwn: disk.wwn ?? null,
      tran: null,
      'log-sec': 512,
      mountpoints: disk.mounted ?? [null],
    })
    const blockdevices = this.disks.map((disk) => ({
      ...device(disk),
      ...(disk.partitions && {
        children: disk.partitions.map((path) => ({
          ...device({ path, sizeBytes: 1_024, kind: 'part' }),
        })),
      }),
    }))
    return JSON.stringify({ blockdevices })
  }

  /** The real one, on the file that stands for the disk. */
  async #wipefs(command: readonly string[], options?: RunOptions): Promise<Ran> {
    const here = command.map((word) => (word.startsWith('/dev/') ? join(this.root, word) : word))
    const ran = await thisMachine().run(here, options)
    return { ...ran, stdout: ran.stdout.replaceAll(this.root, '') }
  }

  #systemctl(command: readonly string[]): Ran {
    const [, verb = ''] = command
    if (verb === 'start') this.#started = true
    if (verb === 'stop') this.#stopped = true
    return done('')
  }

  #unitNow(unit: TestUnit, before: boolean): UnitNow {
    const { name, looks = 1, result = 'success', status = 0 } = unit
    const idle = { active: 'inactive', result: 'success', status: 0, ended: 0, ran: false }
    if (!this.#started || !before) return idle
    const seen = (this.#looks.get(name) ?? 0) + 1
    this.#looks.set(name, seen)
    if (this.#stopped) return { ...idle, ran: true }
    if (seen <= looks) return { ...idle, active: 'activating', ran: true }
    const active = result === 'success' ? 'active' : 'failed'
    return { active, result, status, ended: active === 'failed' ? 1_000 : 0, ran: true }
  }

  /** As systemd 252 shows units: blocks parted by empty lines. */
  #show(names: readonly string[]): string {
    let before = true
    const states = new Map<string, UnitNow>()
    const asked = this.units.filter(({ name }) => names.includes(name))
    for (const unit of asked) {
      const state = this.#unitNow(unit, before)
      states.set(unit.name, state)
      before = before && state.active === 'active'
    }
    const failed = [...states.values()].some(({ active }) => active === 'failed')
    return names
      .map((name) => {
        const state = states.get(name)
        const isTarget = name === this.target
        const reached = this.#started && before && asked.length === this.units.length
        const active = isTarget ? (reached ? 'active' : 'inactive') : (state?.active ?? 'inactive')
        const queued = isTarget && this.#started && !reached && !failed && !this.#stopped
        const known = isTarget || this.units.some((unit) => unit.name === name)
        const needs = isTarget ? this.units.map((unit) => unit.name).join(' ') : 'system.slice'
        return [
          ...(isTarget ? [] : [`Result=${state?.result ?? 'success'}`]),
          ...(isTarget ? [] : [`ExecMainStatus=${state?.status ?? 0}`]),
          `Id=${name}`,
          `Requires=${needs}`,
          'Wants=',
          'BindsTo=',
          `LoadState=${known ? 'loaded' : 'not-found'}`,
          `ActiveState=${active}`,
          'SubState=dead',
          `InactiveEnterTimestampMonotonic=${state?.ended ?? 0}`,
          `Job=${queued ? 7 : ''}`,
          `InvocationID=${state?.ran ? '636b3b2686884470a7a4f6c51282516a' : ''}`,
        ].join('\n')
      })
      .join('\n\n')
  }

  /** Lines of the units that have begun, each once. */
  #journal(): string {
    const begun = this.units.filter(({ name }) => this.#looks.has(name))
    const lines = begun.flatMap(({ name, journal = [] }) =>
      journal.map((MESSAGE) => ({ MESSAGE, PRIORITY: '6', _SYSTEMD_UNIT: name })),
    )
    const rows = lines.slice(this.#journaled).map((line, index) => {
      return JSON.stringify({ ...line, __CURSOR: `s=${this.#journaled + index}` })
    })
    this.#journaled = lines.length
    return rows.map((row) => `${row}\n`).join('')
  }
}

/** In the shape that iproute2 6.1 prints. */
function ipLink({ name, mac, carrier = true, address = '10.0.2.15/24', kind }: TestLink) {
  const [local, prefixlen] = address.split('/')
  return {
    ...{ ifname: name, link_type: 'ether', address: mac },
    flags: ['BROADCAST', 'UP', ...(carrier ? ['LOWER_UP'] : [])],
    ...(kind === undefined ? {} : { linkinfo: { info_kind: kind } }),
    addr_info: local ? [{ local, prefixlen: Number(prefixlen), scope: 'global' }] : [],
  }
}

const done = (stdout: string): Ran => ({ code: 0, stdout, stderr: '' })

const OPTIONS: DispatchOptions = {
  devices: ['/dev/sr1'],
  mountPoint: '/mnt/task',
  folder: '/run/provision',
  recipePath: undefined,
  schemaPath: undefined,
  noStart: false,
  target: undefined,
  serial: { source: 'auto', envKey: 'PROVISIONER_SERIAL' },
  waitMs: 120_000,
  pollMs: 1_000,
}

/** A machine that says this serial of itself, with one empty disk and the units of Linux. */
export async function testMachine(serial: string, now?: number): Promise<TestMachine> {
  const parent = (await Bun.file('/dev/shm/.').exists()) ? '/dev/shm' : tmpdir()
  const machine = new TestMachine(await mkdtemp(join(parent, 'slipway-machine-')), now)
  await machine.file('/sys/class/dmi/id/product_serial', `${serial}\n`)
  await machine.file('/sys/class/dmi/id/product_uuid', '12345678-1234-5678-9abc-def012345678\n')
  await machine.file('/proc/sys/kernel/random/boot_id', `${crypto.randomUUID()}\n`)
  await machine.file('/proc/meminfo', 'MemTotal:       16777216 kB\n')
  await machine.plug({
    path: '/dev/sda',
    sizeBytes: 8 * 1_024 ** 3,
    serial: 'DISK-1',
    wwn: '0x5000c500a1b2c3d4',
  })
  machine.units = [
    { name: 'partition.service' },
    { name: 'image-linux.service', looks: 2 },
    { name: 'bootloader-linux.service' },
    { name: 'config-drive.service' },
  ]
  return machine
}

/** One call that a machine made. */
export interface Called {
  readonly path: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies as an appliance would
  readonly body: any
  readonly authorization: string | null
}

/** An appliance at the edge: it says what a test wants. */
export interface ScriptedAppliance extends AsyncDisposable {
  readonly url: string
  readonly calls: readonly Called[]
  answer: (called: Called, count: number) => Response | undefined
}

export const JOB_ID = 'b1946ac9-2d1f-4f3a-8f66-0f2a4a1d7c11'

/** Gives the job to whoever claims it, unless `answer` says otherwise. */
export function scriptedAppliance(): ScriptedAppliance {
  const calls: Called[] = []
  const counts = new Map<string, number>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const path = new URL(request.url).pathname
      const authorization = request.headers.get('authorization')
      const called = { path, authorization, body: request.body ? await request.json() : undefined }
      calls.push(called)
      const count = (counts.get(path) ?? 0) + 1
      counts.set(path, count)
      const answer = scripted.answer(called, count)
      if (answer) return answer
      return Response.json({ ok: true, ...(path === '/claim' ? { job_id: JOB_ID } : {}) })
    },
  })
  const scripted: ScriptedAppliance = {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    answer: () => undefined,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
  return scripted
}

export interface TestMedium {
  readonly job?: object
  readonly recipe?: unknown
  /** Files by path; undefined leaves one out. */
  readonly files?: Readonly<Record<string, string | undefined>>
  readonly volumeId?: string
  /** `/task` for an image composed of two. */
  readonly folder?: string
}

export const RECIPE = {
  ...{ schema_version: '1', task_target: 'install-linux.target', target_disk: '/dev/sda' },
  oci_url: `images.test/os/debian@sha256:${'a'.repeat(64)}`,
  partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/', bootable: false }],
}

/** Writes the task ISO of a job for the machine with the serial `MINE`. */
export async function writeTestMedium(path: string, medium: TestMedium): Promise<void> {
  const { folder = '', files = {}, volumeId = 'TASK_0123456789A' } = medium
  const job = {
    ...{ schema: 'slipway.job/1', job_id: JOB_ID, serials: ['MINE'], token: 'the-token' },
    ...{ base_urls: [], claim_url: '/claim', report_url: '/report', log_url: '/log' },
    ...medium.job,
  }
  const texts: Record<string, string | undefined> = {
    'job.json': JSON.stringify(job),
    'recipe.json': JSON.stringify(medium.recipe ?? RECIPE),
    'recipe.schema.json': '{"$id": "urn:x"}',
    ...files,
  }
  const tree = new Map<string, Uint8Array>()
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined) tree.set(`${folder}/${name}`, new TextEncoder().encode(text))
  }
  await rm(path, { force: true })
  await writeIso(path, { volumeId, tree })
}
