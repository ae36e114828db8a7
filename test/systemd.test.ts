// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The dispatcher under a real systemd, started by it, starting units of it; the steps are real, the
 * disk is a block device, the appliance answers by TLS. Only the firmware and the boot are missing.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { host, loopDisk } from '../appliance/dispatcher-steps/test-bed.ts'
import { GiB, MiB } from '../core/units.ts'
import { linuxRecipe } from './harness.ts'
import { complete, post, ready } from './stage.ts'

const SLIPWAY = `${process.execPath} ${resolve(import.meta.dir, '../appliance/main.ts')}`

/**
 * The clock of the appliance is turned by hand here, and a dispatcher sets its machine's by it. Time
 * has no namespace: without this the clock of the box that runs the tests is set.
 */
const POWERLESS = ['setpriv', '--bounding-set=-sys_time', '--inh-caps=-sys_time']

let stage: Awaited<ReturnType<typeof ready>>
let work: string
beforeAll(async () => {
  stage = await ready({ script: 'not-booting' })
  work = await mkdtemp(join(tmpdir(), 'slipway-systemd-'))
})
afterAll(async () => {
  await stage[Symbol.asyncDispose]()
  await rm(work, { recursive: true, force: true })
})

/** Without the defaults no unit of this box is drawn in. */
const unit = (lines: string) => `[Unit]\nDefaultDependencies=no\n${lines}`

/** A step of the target, as the maintenance image has them: each asks for the one before it. */
const step = (before: string | undefined, service: string) =>
  unit(
    `${before ? `Requires=${before}\nAfter=${before}\n` : ''}[Service]\nType=oneshot\nRemainAfterExit=yes\n${service}\n`,
  )

interface Machine {
  readonly serial: string
  readonly taskIso: string
  /** Services of the target in their order, and what each does. */
  readonly steps: Readonly<Record<string, string>>
  /** Further lines of the dispatcher's service. */
  readonly dispatcher?: string
}

/** Starts systemd as the first process of a machine of its own; ends when it has powered off. */
async function boot({ serial, taskIso, steps, dispatcher = '' }: Machine): Promise<string> {
  const folder = await mkdtemp(join(work, 'boot-'))
  const units = join(folder, 'units')
  await mkdir(units)
  const names = Object.keys(steps)
  const command = `${SLIPWAY} dispatch --task-iso-device ${taskIso} --task-mount-point /nowhere --serial-source env --udev-wait-seconds 10`
  const files: Record<string, string> = {
    'boot.target': unit('AllowIsolate=yes\nWants=provision-dispatcher.service\n'),
    'provision-dispatcher.service': unit(
      `[Service]\nType=exec\nEnvironment=PROVISIONER_SERIAL=${serial} HOME=${folder}\nStandardOutput=append:${folder}/log\nStandardError=append:${folder}/log\nExecStart=${command}\n${dispatcher}\n`,
    ),
    'install-linux.target': unit(`Requires=${names.join(' ')}\nAfter=${names.join(' ')}\n`),
    'poweroff.target': unit('Requires=off.service\nAfter=off.service\nAllowIsolate=yes\n'),
    'off.service': unit(
      `[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo off >> ${folder}/log'\nExecStart=systemctl --force --force poweroff\n`,
    ),
    ...Object.fromEntries(
      names.map((name, index) => [
        name,
        step(names[index - 1], steps[name]?.replaceAll('$DIR', folder) ?? ''),
      ]),
    ),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(units, name), text)
  const script = `umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none /run; mount -t tmpfs none /etc/systemd; mkdir -p /etc/systemd/system
exec env -i PATH=$PATH container=slipway SYSTEMD_UNIT_PATH=${units} /lib/systemd/systemd --system --unit=boot.target --log-target=console`
  const alone = ['unshare', '-m', '-p', '-f', '--kill-child', '--mount-proc', 'sh', '-c', script]
  const child = Bun.spawn([...POWERLESS, ...alone], {
    stdio: ['ignore', Bun.file(join(folder, 'console')), Bun.file(join(folder, 'console'))],
    timeout: 90_000,
    killSignal: 'SIGKILL',
  })
  await child.exited
  const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '')
  if (!log.includes('off\n'))
    throw new Error(`${log}\n${await readFile(join(folder, 'console'), 'utf8')}`)
  return log
}

test('the machine of these tests can not set the clock of this box', async () => {
  // The present second: harmless should it be obeyed.
  const set = ['date', `--set=@${Math.floor(Date.now() / 1_000)}`]
  await expect(host(...POWERLESS, ...set)).rejects.toThrow('Operation not permitted')
})

/** A job whose machine has just been powered on. */
async function launched(recipe: object) {
  const { running, machine } = stage
  const id = await post(running, machine.serial, { recipe: { ...linuxRecipe, ...recipe } })
  await running.until(id, (job) => job.powered_on_at !== undefined)
  return { id, serial: machine.serial, taskIso: join(running.dataDir, 'task-isos', `${id}.iso`) }
}

const ROOT = { size: '100%', format: 'ext4', mountpoint: '/' }

/** An image in our registry; its reference, and its digest. */
async function pushImage(script: string) {
  const { running } = stage
  const tree = await mkdtemp(join(work, 'tree-'))
  await host('sh', '-euc', `cd ${tree}; ${script}; tar -cf - . | zstd -q > ${tree}.tar.zst`)
  const origin = running.listeners.open.find(({ url }) => url.startsWith('https'))?.url ?? ''
  const put = async (path: string, body: Uint8Array<ArrayBuffer>, type: string) => {
    const response = await fetch(`${origin}/v2/os/demo/${path}`, {
      method: path.startsWith('blobs') ? 'POST' : 'PUT',
      headers: { Authorization: `Bearer ${running.adminToken}`, 'Content-Type': type },
      body,
      tls: { ca: running.appliance.certificates.caPem },
    })
    expect({ path, status: response.status }).toEqual({ path, status: 201 })
  }
  const blob = async (bytes: Uint8Array<ArrayBuffer>, mediaType: string) => {
    const digest = `sha256:${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}`
    await put(`blobs/uploads/?digest=${digest}`, bytes, 'application/octet-stream')
    return { mediaType, digest, size: bytes.length }
  }
  const layer = await blob(
    new Uint8Array(await readFile(`${tree}.tar.zst`)),
    'application/vnd.example.rootfs.tar+zstd',
  )
  const config = await blob(new TextEncoder().encode('{}'), 'application/vnd.oci.empty.v1+json')
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [layer] })
  await put('manifests/1', new TextEncoder().encode(manifest), mediaType)
  const digest = `sha256:${new Bun.CryptoHasher('sha256').update(manifest).digest('hex')}`
  return { oci_url: 'os/demo:1', digest }
}

test('a disk is divided, filled and made to start by a job, from the claim to the power off', async () => {
  const { running } = stage
  const { oci_url } = await pushImage(
    'mkdir -p etc/ssh boot usr/bin var dev proc sys; echo k > boot/vmlinuz-6.1; echo i > boot/initrd.img-6.1; echo 1 > etc/machine-id; touch usr/bin/cloud-init; head -c 5M /dev/urandom > var/blob',
  )
  await using disk = await loopDisk(GiB)
  const job = await launched({
    ...{ target_disk: disk.path, oci_url, env: { note: 'a "b" $c \\d' } },
    partition_layout: [{ size: '100M', format: 'swap' }, ROOT],
  })
  const does = (name: string) => `ExecStart=${SLIPWAY} step ${name}`
  const log = await boot({
    ...job,
    steps: {
      'partition.service': `EnvironmentFile=/run/provision/recipe.env\nExecStart=/bin/sh -c 'printf %%s "$NOTE" > $DIR/../note'\n${does('partition')}`,
      'image-linux.service': does('image-linux'),
      'bootloader-linux.service': does('bootloader-linux'),
      'config-drive.service': does('config-drive'),
    },
  })
  const view = await running.until(job.id, complete, 30_000)
  expect({
    result: view.result,
    reason: view.failed_reason,
    log: view.result === 'succeeded' ? '' : log,
  }).toEqual({
    ...{ result: 'succeeded', reason: undefined, log: '' },
  })
  expect(await readFile(join(work, 'note'), 'utf8')).toBe('a "b" $c \\d')
  const at = join(work, 'installed')
  await mkdir(at)
  await host('e2fsck', '-fn', `${disk.path}p2`)
  await host('mount', '-o', 'ro', `${disk.path}p2`, at)
  try {
    expect(Bun.file(join(at, 'var/blob')).size).toBe(5 * MiB)
    expect(await readFile(join(at, 'etc/fstab'), 'utf8')).toContain(' / ext4 ')
    const seed = join(at, 'var/lib/cloud/seed/nocloud')
    expect(await readFile(join(seed, 'user-data'), 'utf8')).toBe(linuxRecipe.user_data)
    expect(await readFile(join(seed, 'meta-data'), 'utf8')).toContain(job.id)
    // The installed system calls home, and once only.
    const vendor = Bun.YAML.parse(await readFile(join(seed, 'vendor-data'), 'utf8')) as {
      phone_home: { url: string }
    }
    // A connection that is kept open keeps the appliance from stopping.
    const headers = { connection: 'close' }
    const call = { method: 'POST', body: 'instance_id=x', headers }
    const response = await fetch(vendor.phone_home.url, call)
    expect({ status: response.status, body: await response.json() }).toEqual({
      ...{ status: 200, body: { ok: true } },
    })
  } finally {
    await host('umount', at)
  }
  expect((await running.send('GET', `/api/v1/jobs/${job.id}`)).body.booted_at).toBeDefined()
}, 120_000)

const ENDINGS = [
  ['ends with a status', 'ExecStart=/bin/sh -c "exit 3"', 'ended with status 3'],
  ['is killed', 'ExecStart=/bin/sh -c "kill -9 $$$$"', 'was killed by signal 9'],
  ['takes too long', 'TimeoutStartSec=1\nExecStart=sleep 60', 'took longer than it may'],
  ['has no program', 'ExecStart=/nowhere/at/all', 'ended with status 203'],
] as const
const STEPS = ['partition', 'image-linux', 'bootloader-linux', 'config-drive'] as const

/** All steps of the target, one of them another; those behind it leave a word in the log. */
function stepsWith(name: (typeof STEPS)[number], service: string): Record<string, string> {
  const late = 'ExecStart=/bin/sh -c "echo came after it >> $DIR/log"'
  const at = STEPS.indexOf(name)
  const does = (index: number) => (index < at ? 'ExecStart=true' : late)
  return Object.fromEntries(
    STEPS.map((step, index) => [`${step}.service`, index === at ? service : does(index)]),
  )
}

/** One report, the right unit, and nothing behind it. */
async function expectBlame(id: string, log: string, unit: string, words: string) {
  const view = await stage.running.until(id, complete, 30_000)
  expect(view).toMatchObject({ result: 'failed', failed_step: unit })
  expect(view.failed_reason).toContain(words)
  const reports = view.evidence.filter((one: { level: string }) => one.level === 'reported')
  expect(reports).toHaveLength(1)
  expect(log).not.toContain('came after it')
}

test.each(
  STEPS.flatMap((name) =>
    ENDINGS.map(([ending, service, words]) => ({ name, ending, service, words })),
  ),
)(
  'the step $name that $ending is blamed, and nothing comes after it',
  async (cell) => {
    await using disk = await loopDisk(64 * MiB)
    const job = await launched({
      target_disk: disk.path,
      partition_layout: [{ ...ROOT, size: '32M' }],
    })
    const log = await boot({ ...job, steps: stepsWith(cell.name, cell.service) })
    await expectBlame(job.id, log, `${cell.name}.service`, cell.words)
  },
  120_000,
)

interface ImageCell {
  readonly service?: string
  readonly layout?: object
  /** Between the launch and the boot. */
  readonly spoil?: (digest: string) => Promise<void>
  readonly words: string
}

/** Files of the registry's large blobs, each once: the same file may stand under several names. */
async function largeBlobs(): Promise<Iterable<string>> {
  const folder = join(stage.running.dataDir, 'oci')
  const files = (await readdir(folder, { recursive: true })).map((name) => join(folder, name))
  const found = await Promise.all(files.map(async (file) => ({ file, at: await stat(file) })))
  const large = found.filter(({ at }) => at.isFile() && at.size >= MiB)
  return new Map(large.map(({ file, at }) => [at.ino, file])).values()
}

test.each<[string, ImageCell]>([
  [
    'is not there any more',
    {
      spoil: async (digest) => {
        const { running } = stage
        const path = `/v2/os/demo/manifests/${digest}`
        const { status, body } = await running.send('DELETE', path)
        expect({ status, body }).toMatchObject({ status: 202 })
      },
      words: 'image',
    },
  ],
  [
    'has other bytes than its digest says',
    {
      spoil: async () => {
        for (const file of await largeBlobs()) {
          const bytes = await readFile(file)
          const middle = Math.floor(bytes.length / 2)
          bytes[middle] = (bytes[middle] ?? 0) ^ 0xff
          await writeFile(file, bytes)
        }
      },
      words: 'digest',
    },
  ],
  ['is larger than the disk', { layout: { ...ROOT, size: '16M' }, words: 'full' }],
  [
    'can not be reached',
    {
      service: `TimeoutStartSec=4\nExecStart=unshare -n ${SLIPWAY} step image-linux`,
      words: 'took longer than it may',
    },
  ],
])(
  'an image that %s is told by its step',
  async (_name, cell) => {
    const { oci_url, digest } = await pushImage('mkdir etc; head -c 24M /dev/urandom > etc/blob')
    await using disk = await loopDisk(128 * MiB)
    const job = await launched({
      ...{ target_disk: disk.path, oci_url, partition_layout: [cell.layout ?? ROOT] },
    })
    await cell.spoil?.(digest)
    const service = cell.service ?? `ExecStart=${SLIPWAY} step image-linux`
    const steps = stepsWith('image-linux', service)
    const first = { 'partition.service': `ExecStart=${SLIPWAY} step partition` }
    const log = await boot({ ...job, steps: { ...steps, ...first } })
    await expectBlame(job.id, log, 'image-linux.service', cell.words)
  },
  120_000,
)

test('a dispatcher that is killed in the middle is started again, and starts nothing twice', async () => {
  const { running } = stage
  await using disk = await loopDisk(64 * MiB)
  const job = await launched({
    target_disk: disk.path,
    partition_layout: [{ ...ROOT, size: '32M' }],
  })
  const log = await boot({
    ...job,
    dispatcher: 'Restart=on-failure\nRestartSec=100ms',
    steps: {
      'partition.service': `ExecStart=/bin/sh -c 'echo begun >> $DIR/log; systemctl kill --signal=KILL provision-dispatcher.service'`,
      // Long enough for the second dispatcher to see it at work.
      'image-linux.service': `ExecStart=/bin/sh -c 'until grep -q "going on" $DIR/log; do sleep 0.1; done'`,
    },
  })
  expect(log.match(/begun/g)).toHaveLength(1)
  expect(log).toContain('going on with job')
  const view = await running.until(job.id, complete, 30_000)
  expect({ result: view.result, reason: view.failed_reason }).toEqual({
    ...{ result: 'succeeded', reason: undefined },
  })
  const reports = view.evidence.filter((one: { level: string }) => one.level === 'reported')
  expect(reports).toHaveLength(1)
}, 120_000)
