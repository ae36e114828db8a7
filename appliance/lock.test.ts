// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSetting } from '../core/store/settings.ts'
import { temporaryDb } from '../test/temporary-db.ts'
import { lockFolder, lockRemote } from './lock.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-lock-'))
  path = join(folder, 'slipway.lock')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A process that locks the folder, says so and waits. */
async function holder() {
  const script = `import { lockFolder } from ${JSON.stringify(join(import.meta.dir, 'lock.ts'))}
    const lock = await lockFolder(${JSON.stringify(folder)})
    console.log('held')
    for await (const _ of process.stdin) break
    await lock[Symbol.asyncDispose]()`
  const child = Bun.spawn([process.execPath, '-e', script], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const reader = child.stdout.getReader()
  await reader.read()
  return child
}

const refused = (pid: number) =>
  expect.objectContaining({ code: 'lock.held', message: expect.stringContaining(`pid ${pid}`) })

test('a second process is refused, naming the first, until that one ends', async () => {
  const child = await holder()
  await expect(lockFolder(folder)).rejects.toThrow(refused(child.pid))
  child.stdin.write('\n')
  child.stdin.flush()
  await child.exited
  expect(existsSync(path)).toBe(false)
  await using _ = await lockFolder(folder)
  expect(await readFile(path, 'utf8')).toStartWith(`${process.pid} `)
})

test('a second lock of the same process is refused too, and the first stays', async () => {
  await using _ = await lockFolder(folder)
  await expect(lockFolder(folder)).rejects.toThrow(refused(process.pid))
  expect(existsSync(path)).toBe(true)
})

test('the lock of a process that was killed is taken over', async () => {
  const child = await holder()
  child.kill('SIGKILL')
  await child.exited
  expect(existsSync(path)).toBe(true)
  await using _ = await lockFolder(folder)
  expect(await readFile(path, 'utf8')).toStartWith(`${process.pid} `)
})

test('the lock of a process that was killed is taken over while nobody has asked for its end', async () => {
  // The shell becomes a `sleep`, which never waits for the child that it inherits.
  const parent = Bun.spawn(['sh', '-c', 'sleep 60 & echo $!; exec sleep 60'], { stdout: 'pipe' })
  try {
    const { value } = await parent.stdout.getReader().read()
    const pid = Number(new TextDecoder().decode(value))
    const stat = () => readFile(`/proc/${pid}/stat`, 'utf8')
    const began = (await stat()).split(' ')[21]
    await writeFile(path, `${pid} ${began}\n`)
    await expect(lockFolder(folder)).rejects.toThrow(refused(pid))
    // The child must be asked for by a parent that is no shell any more.
    while ((await readFile(`/proc/${parent.pid}/comm`, 'utf8')) !== 'sleep\n') await Bun.sleep(5)
    process.kill(pid, 'SIGKILL')
    while (!(await stat()).includes(') Z ')) await Bun.sleep(5)
    await using lock = await lockFolder(folder)
    expect(lock).toBeDefined()
  } finally {
    parent.kill()
    await parent.exited
  }
})

test.each([
  ['whose pid now belongs to another process', `${process.pid} 1\n`],
  ['of a pid that no longer exists', '4194999 12345\n'],
  ['that says nothing', ''],
  ['that says nonsense', 'x y z'],
])('a lock file %s is taken over', async (_, text) => {
  await writeFile(path, text)
  await using lock = await lockFolder(folder)
  expect(lock).toBeDefined()
  expect(await readFile(path, 'utf8')).toStartWith(`${process.pid} `)
})

test('a folder that is not there is no lock', async () => {
  await expect(lockFolder(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('of many that want it at one moment exactly one gets it', async () => {
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await readdir(folder)).toEqual(['slipway.lock'])
})

describe('a remote database', () => {
  test('has one owner, until that one lets go', async () => {
    await using temporary = await temporaryDb()
    const first = await lockRemote(temporary.db)
    await expect(lockRemote(temporary.db)).rejects.toThrow(refused(process.pid))
    await first[Symbol.asyncDispose]()
    await using second = await lockRemote(temporary.db)
    expect(second).toBeDefined()
  })

  test.each([
    ['of another box that beat just now', 'elsewhere', 0, false],
    ['of another box that fell silent', 'elsewhere', 91_000, true],
  ])('the row %s is respected or not', async (_, host, age, free) => {
    await using temporary = await temporaryDb()
    const owner = { instance: 'x', host, pid: 7, at: Date.now() - age }
    await temporary.db.write((tx) => writeSetting(tx, 'owner', owner))
    const lock = lockRemote(temporary.db)
    if (free) await (await lock)[Symbol.asyncDispose]()
    else await expect(lock).rejects.toThrow(refused(7))
  })
})
