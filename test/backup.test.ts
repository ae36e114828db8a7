// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create, list } from 'tar'
import { makeBackup } from '../appliance/backup/make.ts'
import { type RestoreOptions, restoreBackup } from '../appliance/backup/restore.ts'
import { lockFolder } from '../appliance/lock.ts'
import { builtInPlugins } from '../appliance/plugins.ts'
import { openDb } from '../core/store/client.ts'
import { writeSetting } from '../core/store/settings.ts'
import { importMaintenance, type RunningAppliance, startAppliance } from './harness.ts'
import { complete, post, ready } from './stage.ts'
import { fastFolder } from './temporary-db.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(fastFolder, 'slipway-backup-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Takes a backup through the API; the path of the archive. */
async function backup(running: RunningAppliance, query = ''): Promise<string> {
  const response = await running.appliance.apps.api.request(`/api/v1/backup${query}`, {
    headers: { Authorization: `Bearer ${running.adminToken}` },
  })
  expect({ status: response.status, type: response.headers.get('content-type') }).toEqual({
    status: 200,
    type: 'application/x-tar',
  })
  const file = join(folder, `${crypto.randomUUID()}.tar`)
  await writeFile(file, await response.bytes())
  return file
}

const restore = (file: string, change: Partial<RestoreOptions> = {}) =>
  restoreBackup({
    ...{ file, dataDir: join(folder, 'restored'), acceptLostKey: false },
    ...{ plugins: builtInPlugins, version: '0.0.0' },
    ...change,
  })

async function pathsOf(file: string): Promise<string[]> {
  const paths: string[] = []
  await list({ file, onReadEntry: (entry) => void paths.push(entry.path) })
  return paths
}

test('an appliance comes back from its backup: credentials open, and a queued job goes on', async () => {
  await using stage = await ready()
  const { running, machine } = stage
  const first = await post(running, machine.serial)
  await running.until(first, complete)
  const queued = await post(running, machine.serial)
  const file = await backup(running)
  expect(await pathsOf(file)).toEqual([
    'manifest.json',
    'slipway.db',
    'admin.token',
    ...['keys/ca.pem', 'keys/seal.key', 'keys/server.pem'],
  ])
  // What happens afterwards is not in it.
  await running.send('DELETE', '/api/v1/maintenance')
  const before = (await running.send('GET', `/api/v1/jobs/${first}`)).body
  await running.stop()

  const dataDir = join(folder, 'restored')
  await restore(file)
  const modes = await Promise.all(
    ['slipway.db', 'keys/seal.key', 'admin.token'].map(
      async (name) => (await stat(join(dataDir, name))).mode & 0o777,
    ),
  )
  expect(modes).toEqual([0o600, 0o600, 0o600])
  await using again = await startAppliance({ dataDir })
  expect(again.adminToken).toBe(running.adminToken)
  expect(again.appliance.certificates.caPem).toBe(running.appliance.certificates.caPem)
  expect((await again.send('GET', `/api/v1/jobs/${first}`)).body).toEqual(before)
  const known = await again.appliance.machines.named(machine.serial)
  expect(await again.appliance.machines.credentials(known)).toEqual({
    username: machine.username,
    password: machine.password,
  })
  await importMaintenance(again)
  expect(await again.until(queued, complete)).toMatchObject({
    result: 'succeeded',
    cleanup: 'done',
  })
}, 60_000)

test('the copies of a backup are gone when it was read, and when nobody reads on', async () => {
  await using running = await startAppliance()
  await backup(running)
  const response = await running.appliance.apps.api.request('/api/v1/backup', {
    headers: { Authorization: `Bearer ${running.adminToken}` },
  })
  expect(await readdir(join(running.dataDir, 'tmp'))).toHaveLength(1)
  await response.body?.cancel()
  expect(await readdir(join(running.dataDir, 'tmp'))).toEqual([])
})

test('two backups at once would need the room of two: the second is told to wait', async () => {
  await using running = await startAppliance()
  const headers = { Authorization: `Bearer ${running.adminToken}` }
  const ask = () => running.appliance.apps.api.request('/api/v1/backup', { headers })
  const answers = await Promise.all([ask(), ask()])
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409])
  for (const { body } of answers) await body?.cancel()
  await backup(running)
})

test('a backup is for admins, and is written to the audit log', async () => {
  await using running = await startAppliance()
  const user = { name: 'ada', role: 'operator', password: 'a long password' }
  await running.send('POST', '/api/v1/users', user)
  const login = Buffer.from('ada:a long password').toString('base64')
  const refused = await running.send('GET', '/api/v1/backup', undefined, {
    Authorization: `Basic ${login}`,
  })
  expect(refused.status).toBe(403)
  await backup(running)
  const { body } = await running.send('GET', '/api/v1/audit?limit=2')
  expect(body.entries).toMatchObject([
    { principal: 'admin', method: 'GET', route: '/api/v1/backup', status: 200 },
    { principal: 'ada', method: 'GET', route: '/api/v1/backup', status: 403 },
  ])
})

test('without keys it holds no key, and needs the key to come back', async () => {
  await using running = await startAppliance()
  const key = join(running.dataDir, 'keys', 'seal.key')
  const file = await backup(running, '?keys=false')
  expect(await pathsOf(file)).toEqual(['manifest.json', 'slipway.db'])

  await expect(restore(file)).rejects.toMatchObject({
    code: 'backup.key',
    message: expect.stringMatching(
      /sealed with key [0-9a-f]{8}, and the backup has no key: give the right one with --key FILE; if it is lost for good, .* every BMC password must be entered again/,
    ),
  })
  const other = join(folder, 'other.key')
  await writeFile(other, Buffer.alloc(32, 7), { mode: 0o600 })
  await expect(restore(file, { keyFile: other })).rejects.toMatchObject({
    code: 'backup.key',
    message: expect.stringMatching(/other\.key holds key [0-9a-f]{8}/),
  })
  // Nothing of the refused ones stayed: the folder is still empty.
  await restore(file, { keyFile: key })
  expect(await readdir(join(folder, 'restored', 'keys'))).toEqual(['seal.key'])
})

test('a lost key is accepted on request: the machines are there, their passwords are not', async () => {
  await using running = await startAppliance()
  const machine = { bmc_url: 'https://127.0.0.1:9', username: 'root', password: 'calvin' }
  await running.send('POST', '/api/v1/machines', { serial: 'LOST-1', ...machine })
  await restore(await backup(running, '?keys=false'), { acceptLostKey: true })
  await using again = await startAppliance({ dataDir: join(folder, 'restored') })
  const known = await again.appliance.machines.named('LOST-1')
  await expect(again.appliance.machines.credentials(known)).rejects.toMatchObject({
    code: 'seal.wrong-key',
  })
  await again.send('PATCH', '/api/v1/machines/LOST-1', { password: 'hobbes' })
  expect((await again.appliance.machines.credentials(known)).password).toBe('hobbes')
})

test.each([
  { name: 'is missing', change: (key: string) => rm(key), says: 'is missing' },
  {
    name: 'is another one',
    change: (key: string) => writeFile(key, Buffer.alloc(32, 7)),
    says: 'holds key',
  },
])(
  'an appliance whose key $name does not start, says what is lost, and makes none',
  async ({ change, says }) => {
    const dataDir = join(folder, 'data')
    await using first = await startAppliance({ dataDir })
    await first.stop()
    const key = join(dataDir, 'keys', 'seal.key')
    await change(key)
    const there = await Bun.file(key).exists()
    await expect(startAppliance({ dataDir })).rejects.toMatchObject({
      code: 'seal.lost',
      message: expect.stringMatching(
        new RegExp(
          `${says}.*put back the key.*start once with --accept-lost-key: every BMC password`,
        ),
      ),
    })
    expect(await Bun.file(key).exists()).toBe(there)
  },
)

test('a folder with something in it is not touched', async () => {
  await using running = await startAppliance()
  const file = await backup(running)
  const dataDir = join(folder, 'restored')
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'thesis.txt'), 'irreplaceable')
  await expect(restore(file)).rejects.toMatchObject({
    code: 'backup.not-empty',
    message: expect.stringContaining('it holds thesis.txt'),
  })
  expect(await readdir(dataDir)).toEqual(['thesis.txt'])
})

test('a running appliance is not restored over', async () => {
  await using running = await startAppliance()
  const file = await backup(running)
  const dataDir = join(folder, 'restored')
  await mkdir(dataDir)
  await using _held = await lockFolder(dataDir)
  await expect(restore(file)).rejects.toMatchObject({
    code: 'lock.held',
    message: expect.stringContaining(`pid ${process.pid}`),
  })
})

test('a backup of a later version is refused', async () => {
  await using running = await startAppliance()
  await running.appliance.db.client.execute(
    `insert into migrations_core (hash, created_at) values ('later', ${Date.parse('2031-05-01')})`,
  )
  const file = await backup(running)
  await expect(restore(file)).rejects.toMatchObject({ code: 'store.newer' })
  expect(await readdir(join(folder, 'restored'))).toEqual([])
})

const nowhere = {
  ...{ dataDir: '', configFile: undefined, sealKeyId: '00000000', now: () => 0 },
  version: { version: '0.0.0', commit: 'test', commit_date: '' },
}

test.each([
  { name: 'at a server is backed up there', url: 'libsql://db.test', code: 'backup.remote' },
  { name: 'that can not be read is told', url: 'file:/nonexistent/x.db', code: 'backup.snapshot' },
])('a database $name, and nothing is left behind', async ({ url, code }) => {
  const parts = { ...nowhere, dataDir: folder, databaseUrl: url }
  await expect(makeBackup(parts, true)).rejects.toMatchObject({ code })
  expect(await readdir(join(folder, 'tmp'))).toEqual([])
})

test('what is committed while others write is whole in the copy', async () => {
  await using running = await startAppliance()
  const { db } = running.appliance
  let writing = true
  const writeRound = (round: number) => db.write((tx) => writeSetting(tx, `round ${round}`, round))
  await writeRound(0)
  const write = async () => {
    for (let round = 1; writing; round++) {
      await writeRound(round)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const writer = write()
  const file = await backup(running)
  writing = false
  await writer
  await restore(file)
  using copy = await openDb({ url: `file:${join(folder, 'restored', 'slipway.db')}` })
  const { rows } = await copy.client.execute(
    "select count(*) as n from settings where name like 'round %'",
  )
  expect(Number(rows[0]?.['n'])).toBeGreaterThan(0)
  expect((await copy.client.execute('pragma integrity_check')).rows[0]?.['integrity_check']).toBe(
    'ok',
  )
})

interface Hostile {
  readonly name: string
  /** Changes what will be packed, below `stage`; the names in their order. */
  readonly change: (stage: string, names: string[]) => Promise<string[]>
  readonly says: RegExp
}

const sha256 = (text: string) => new Bun.CryptoHasher('sha256').update(text).digest('hex')

/** A manifest that promises one file more, with any name. */
async function promise(stage: string, path: string, text: string): Promise<void> {
  const at = join(stage, 'manifest.json')
  const manifest = await Bun.file(at).json()
  manifest.files.push({ path, size_bytes: text.length, sha256: sha256(text) })
  await writeFile(at, JSON.stringify(manifest))
}

const hostile: readonly Hostile[] = [
  {
    name: 'a file that the manifest does not name',
    async change(stage, names) {
      await writeFile(join(stage, 'extra'), 'x')
      return [...names, 'extra']
    },
    says: /"extra" in the backup is not named by its manifest/,
  },
  {
    name: 'a path out of the folder',
    async change(stage, names) {
      await promise(stage, '../escaped', 'x')
      return names
    },
    says: /manifest of the backup can not be read/,
  },
  {
    name: 'a name that is none of ours',
    async change(stage, names) {
      await promise(stage, 'keys/../../escaped', 'x')
      return names
    },
    says: /manifest of the backup can not be read/,
  },
  {
    name: 'a link in place of a file',
    async change(stage, names) {
      await rm(join(stage, 'admin.token'))
      await Bun.$`ln -s /etc/passwd admin.token`.cwd(stage)
      return names
    },
    says: /"admin\.token" in the backup is no plain file/,
  },
  {
    name: 'another content',
    async change(stage, names) {
      const at = join(stage, 'admin.token')
      await writeFile(at, (await Bun.file(at).text()).replace(/[0-9a-f]/, 'z'))
      return names
    },
    says: /admin\.token in the backup is not what its manifest says/,
  },
  {
    name: 'a missing file',
    change: async (_, names) => names.filter((name) => name !== 'admin.token'),
    says: /admin\.token is missing in the backup: it is cut short/,
  },
  {
    name: 'a file twice',
    change: async (_, names) => [...names, 'slipway.db'],
    says: /"slipway\.db" in the backup is not named by its manifest/,
  },
  {
    name: 'no manifest',
    change: async (_, names) => names.filter((name) => name !== 'manifest.json'),
    says: /this is no backup of slipway: it begins with "slipway\.db"/,
  },
  {
    name: 'a manifest that is none',
    async change(stage, names) {
      await writeFile(join(stage, 'manifest.json'), '{"schema":"slipway.backup/9"}')
      return names
    },
    says: /manifest of the backup can not be read/,
  },
]

test.each([...hostile])(
  'a backup with $name is refused, and nothing of it stays',
  async ({ change, says }) => {
    await using running = await startAppliance()
    const whole = await backup(running)
    const stage = join(folder, 'stage')
    await mkdir(stage)
    await Bun.$`tar -xf ${whole}`.cwd(stage)
    const names = await change(stage, await pathsOf(whole))
    const file = join(folder, 'hostile.tar')
    await create({ cwd: stage, file, portable: true }, names)
    await expect(restore(file)).rejects.toMatchObject({
      code: 'backup.broken',
      message: expect.stringMatching(says),
    })
    expect(await readdir(join(folder, 'restored'))).toEqual([])
  },
)

test.each([
  { name: 'is cut short', cut: (bytes: Uint8Array) => bytes.subarray(0, 20_000) },
  { name: 'is no archive', cut: () => new TextEncoder().encode('x'.repeat(4_096)) },
  { name: 'is empty', cut: () => new Uint8Array() },
])('a file that $name is refused', async ({ cut }) => {
  await using running = await startAppliance()
  const whole = await backup(running)
  const file = join(folder, 'cut.tar')
  await writeFile(file, cut(await Bun.file(whole).bytes()))
  await expect(restore(file)).rejects.toMatchObject({ code: 'backup.broken' })
  expect(await readdir(join(folder, 'restored'))).toEqual([])
})
