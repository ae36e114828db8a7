// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Glob } from 'bun'
import { openDb } from '../core/store/client.ts'
import { documentsOf, findJob } from '../core/store/jobs.ts'
import { MIGRATIONS } from '../core/store/migrations-folder.ts'
import { migrationsOf } from '../core/store/schema-version.ts'
import { readSetting } from '../core/store/settings.ts'
import { audit, users } from '../core/store/tables.ts'
import { fastFolder } from '../test/temporary-db.ts'
import { openStore } from './store.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(fastFolder, 'slipway-store-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const url = () => `file:${join(folder, 'slipway.db')}`
const open = (version: string) =>
  openStore({ config: { url: '', auth_token: '' }, dataDir: folder, plugins: [], version })

/** A copy of core's migrations with only the first `count`. */
async function firstMigrations(count: number): Promise<string> {
  const copy = join(folder, 'migrations')
  await cp(MIGRATIONS, copy, { recursive: true })
  const path = join(copy, 'meta/_journal.json')
  const journal = JSON.parse(await readFile(path, 'utf8'))
  journal.entries.length = count
  await writeFile(path, JSON.stringify(journal))
  return copy
}

/** A database as an earlier commit left it, with a user in it. */
async function oldDatabase(migrations: number): Promise<void> {
  using db = await openDb({ url: url() })
  await db.migrate(await firstMigrations(migrations), 'migrations_core')
  // In the words of the first schema: the tables of the code have columns that came later.
  await db.client.execute(
    "insert into users (name, role, password_hash, created_at) values ('ada', 'admin', 'x', 1)",
  )
}

const earlier = (await migrationsOf(MIGRATIONS)).map(({ tag }, at) => ({ tag, count: at + 1 }))

test.each(earlier)('a database as of $tag is upgraded, and keeps its rows', async ({ count }) => {
  await oldDatabase(count)
  using db = await open('0.1.0')
  expect(await db.read.select({ name: users.name }).from(users)).toEqual([{ name: 'ada' }])
  expect(await db.read.select().from(audit)).toEqual([])
  expect(await readSetting(db.read, 'version')).toBe('0.1.0')
})

test('what moved off the row of a job is found where it stands now', async () => {
  const image = { sizeBytes: 4_096, etag: '"v"', modifiedAt: 0, segments: [], regions: [] }
  const given = { slot: 'boot', name: 'boot.iso', driveUri: '/d', imageUrl: 'http://x/boot.iso' }
  {
    using db = await openDb({ url: url() })
    await db.migrate(await firstMigrations(2), 'migrations_core')
    const values = {
      id: 'j-1',
      machine_id: 'm',
      serial: 'S1',
      status: 'provisioning',
      task_target: 'install-linux.target',
      sealed_recipe: 'the recipe',
      sealed_submitted: 'as it came',
      take_over: 0,
      created_by: 'ada',
      sealed_token: '',
      token_digest: '',
      sealed_media_token: '',
      media_token_digest: '',
      media_valid: 1,
      sealed_booted_token: '',
      booted_token_digest: '',
      media: JSON.stringify([{ ...given, image }]),
      bytes_read: '{}',
      launches: 1,
      expects_claim: 1,
      paused_ms: 0,
      cleanup_attempts: 0,
      created_at: 1,
      updated_at: 1,
    }
    const names = Object.keys(values)
    await db.client.execute({
      sql: `insert into jobs (${names}) values (${names.map(() => '?')})`,
      args: Object.values(values),
    })
  }
  using db = await open('0.1.0')
  expect(await findJob(db.read, 'j-1')).toMatchObject({ media: [{ ...given, sizeBytes: 4_096 }] })
  expect(await documentsOf(db.read, 'j-1')).toEqual({
    jobId: 'j-1',
    sealedRecipe: 'the recipe',
    sealedSubmitted: 'as it came',
    images: [{ ...given, image }] as never,
  })
})

test('an upgraded database is the same as a new one', async () => {
  const schemaOf = async () => {
    using db = await open('0.1.0')
    const { rows } = await db.client.execute(
      "select type, name, sql from sqlite_master where name not like 'sqlite_%' order by name",
    )
    return JSON.stringify(rows)
  }
  await oldDatabase(1)
  const upgraded = await schemaOf()
  await rm(join(folder, 'slipway.db'))
  for (const rest of ['-wal', '-shm']) await rm(join(folder, `slipway.db${rest}`), { force: true })
  expect(upgraded).toBe(await schemaOf())
})

/** Adds a migration that we do not know to the tally. */
async function tally(when: number): Promise<void> {
  using db = await openDb({ url: url() })
  await db.client.execute(
    `insert into migrations_core (hash, created_at) values ('later', ${when})`,
  )
}

test('a database of a later version is refused with both versions, and left as it is', async () => {
  ;(await open('0.9.0'))[Symbol.dispose]()
  await tally(Date.parse('2031-05-01'))
  await expect(open('0.1.0')).rejects.toMatchObject({
    code: 'store.newer',
    message: expect.stringMatching(
      /upgraded by slipway 0\.9\.0 \(to a schema of 2031-05-01\), and this is slipway 0\.1\.0, which knows schemas up to \d{4}_\w+: start the later version/,
    ),
  })
  using db = await openDb({ url: url() })
  expect(await readSetting(db.read, 'version')).toBe('0.9.0')
})

test('a database with a history of its own is refused', async () => {
  ;(await open('0.1.1-fork'))[Symbol.dispose]()
  await tally(Date.parse('2001-05-01'))
  await expect(open('0.1.0')).rejects.toMatchObject({
    code: 'store.foreign',
    message: expect.stringContaining('0.1.1-fork'),
  })
})

test('migrations of every folder are in order: one with an older time would never run', async () => {
  const root = resolve(import.meta.dir, '..')
  const journals = new Glob('{core,plugins}/**/migrations/meta/_journal.json')
  const folders = await Array.fromAsync(journals.scan(root))
  expect(folders.length).toBeGreaterThan(0)
  for (const path of folders) {
    const directory = resolve(root, path, '../..')
    const migrations = await migrationsOf(directory)
    for (const { tag } of migrations) {
      expect(await Bun.file(join(directory, `${tag}.sql`)).exists()).toBe(true)
    }
    const files = await Array.fromAsync(new Glob('*.sql').scan(directory))
    expect(files.toSorted()).toEqual(migrations.map(({ tag }) => `${tag}.sql`))
  }
})

test('a journal out of order is refused, so that no start can skip a migration', async () => {
  const copy = await firstMigrations(2)
  const path = join(copy, 'meta/_journal.json')
  const journal = JSON.parse(await readFile(path, 'utf8'))
  journal.entries[1].when = journal.entries[0].when
  await writeFile(path, JSON.stringify(journal))
  await expect(migrationsOf(copy)).rejects.toThrow('is not younger than the migration before it')
})
