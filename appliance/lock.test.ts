// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, jest, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Db } from '../core/store/client.ts'
import { readSetting, writeSetting } from '../core/store/settings.ts'
import { temporaryDb } from '../test/temporary-db.ts'
import { lockDatabase, lockFolder, lockRemote } from './lock.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-lock-'))
  path = join(folder, 'slipway.lock')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Locks the folder, says so with its pid and waits. */
const HOLD = `import { lockFolder } from ${JSON.stringify(join(import.meta.dir, 'lock.ts'))}
  const lock = await lockFolder(process.env.FOLDER)
  console.log(process.pid)
  for await (const _ of process.stdin) break
  await lock[Symbol.asyncDispose]()`

/** A process that holds the lock; `before` stands in front of its command. */
async function holder(...before: string[]) {
  const child = Bun.spawn([...before, process.execPath, '-e', HOLD], {
    env: { ...process.env, FOLDER: folder },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const { value } = await child.stdout.getReader().read()
  // Its own name for itself: in another namespace it is not the one that we see.
  return { child, pid: Number(new TextDecoder().decode(value)) }
}

const refused = (pid: number) =>
  expect.objectContaining({
    code: 'lock.held',
    message: expect.stringContaining(`another slipway (pid ${pid} on `),
  })

test('a second process is refused, naming the first, until that one ends', async () => {
  const { child, pid } = await holder()
  await expect(lockFolder(folder)).rejects.toThrow(refused(pid))
  child.stdin.write('\n')
  child.stdin.flush()
  await child.exited
  expect(existsSync(path)).toBe(false)
  await using _ = await lockFolder(folder)
  expect(await readFile(path, 'utf8')).toBe(`${process.pid} ${hostname()}\n`)
})

test('a second lock of the same process is refused too, and the first stays', async () => {
  await using _ = await lockFolder(folder)
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(lockFolder(folder)).rejects.toThrow(refused(process.pid))
    Bun.gc(true)
  }
  expect(existsSync(path)).toBe(true)
  // Nor did the refusals take it away from the process.
  const other = Bun.spawn([process.execPath, '-e', HOLD], {
    env: { ...process.env, FOLDER: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  expect(await other.stderr.text()).toContain(`pid ${process.pid} on`)
  expect(await other.exited).not.toBe(0)
})

test('two containers on one volume, each the first process of its own: the second is refused', async () => {
  // Without root a user namespace gives the right to the others.
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const apart = ['unshare', ...asRoot, '--pid', '--fork', '--kill-child', '--mount-proc']
  const { child, pid } = await holder(...apart)
  expect(pid).toBeLessThan(10)
  await expect(lockFolder(folder)).rejects.toThrow(refused(pid))
  const second = Bun.spawn([...apart, process.execPath, '-e', HOLD], {
    env: { ...process.env, FOLDER: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  expect(await second.stderr.text()).toContain(`another slipway (pid ${pid} on `)
  child.kill('SIGKILL')
  await child.exited
  await using _ = await free()
})

/** The lock, once the kernel has buried who held it. */
async function free(): Promise<AsyncDisposable> {
  for (const deadline = Date.now() + 4_000; ; await Bun.sleep(5)) {
    const lock = await lockFolder(folder).catch((error: unknown) => error)
    if (!(lock instanceof Error)) return lock as AsyncDisposable
    if (Date.now() > deadline) throw lock
  }
}

test('the lock of a process that was killed is free', async () => {
  const { child } = await holder()
  child.kill('SIGKILL')
  await child.exited
  expect(existsSync(path)).toBe(true)
  await using _ = await lockFolder(folder)
  expect(await readFile(path, 'utf8')).toStartWith(`${process.pid} `)
})

test('the lock of a process that was killed is free while nobody has asked for its end', async () => {
  // The shell becomes a `sleep`, which never waits for the child that it inherits.
  const script = `"$0" -e "$HOLD" <&3 & exec sleep 60`
  const parent = Bun.spawn(['sh', '-c', `exec 3<&0; ${script}`, process.execPath], {
    env: { ...process.env, FOLDER: folder, HOLD },
    stdin: 'pipe',
    stdout: 'pipe',
  })
  try {
    const { value } = await parent.stdout.getReader().read()
    const pid = Number(new TextDecoder().decode(value))
    await expect(lockFolder(folder)).rejects.toThrow(refused(pid))
    // The child must be asked for by a parent that is no shell any more.
    while ((await readFile(`/proc/${parent.pid}/comm`, 'utf8')) !== 'sleep\n') await Bun.sleep(5)
    process.kill(pid, 'SIGKILL')
    await using _ = await free()
    expect(await readFile(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ')
  } finally {
    parent.kill()
    await parent.exited
  }
})

test.each([
  ['names a living process', `${process.pid} ${hostname()}\n`],
  ['says nothing', ''],
  ['says nonsense', 'x y z'],
])('a lock file that %s locks nothing by itself', async (_, text) => {
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
  expect((await readdir(folder)).toSorted()).toEqual(['slipway.lock', 'slipway.lock.db'])
})

test('processes that take it and let go in turn never have it at the same time', async () => {
  // Each makes a file while it has the lock, which must not be there.
  const script = `import { lockFolder } from ${JSON.stringify(join(import.meta.dir, 'lock.ts'))}
    import { closeSync, openSync, unlinkSync } from 'node:fs'
    for (let held = 0; held < 40; ) {
      const lock = await lockFolder(process.env.FOLDER).catch((error) => {
        if (error.code !== 'lock.held') throw error
      })
      if (!lock) continue
      closeSync(openSync(process.env.FOLDER + '/mine', 'wx'))
      unlinkSync(process.env.FOLDER + '/mine')
      await lock[Symbol.asyncDispose]()
      held++
    }`
  const env = { ...process.env, FOLDER: folder }
  const children = [1, 2, 3].map(() =>
    Bun.spawn([process.execPath, '-e', script], { env, stdio: ['ignore', 'ignore', 'inherit'] }),
  )
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([0, 0, 0])
  expect(await readdir(folder)).toEqual([])
})

describe('a database file', () => {
  const held = expect.objectContaining({
    code: 'lock.held',
    message: expect.stringContaining('store.url'),
  })
  let data: string
  beforeEach(async () => {
    data = join(folder, 'data')
    await mkdir(data)
  })

  test('has one owner, also by another name of it, and before it is there', async () => {
    await symlink('data', join(folder, 'link'))
    const file = join(data, 'x.db')
    await using _ = await lockDatabase(file, folder)
    await expect(lockDatabase(join(folder, 'link', 'x.db'), folder)).rejects.toThrow(held)
    await writeFile(file, '')
    await symlink(file, join(folder, 'y.db'))
    await expect(lockDatabase(join(folder, 'y.db'), folder)).rejects.toThrow(held)
    await using other = await lockDatabase(join(data, 'z.db'), folder)
    expect(other).toBeDefined()
  })

  test('that is the own one of another data folder is locked with that folder', async () => {
    const file = join(data, 'slipway.db')
    await using own = await lockFolder(data)
    // Who owns the folder may name its database in the configuration too.
    await using _ = await lockDatabase(file, data)
    await expect(lockDatabase(file, folder)).rejects.toThrow(held)
    await own[Symbol.asyncDispose]()
    await using other = await lockDatabase(file, folder)
    await expect(lockFolder(data)).rejects.toThrow(refused(process.pid))
    expect(other).toBeDefined()
  })

  test('in a folder that is not there is told with its path and what to do', async () => {
    const attempt = lockDatabase(join(folder, 'none', 'x.db'), folder)
    await expect(attempt).rejects.toMatchObject({
      code: 'lock.database',
      message: expect.stringMatching(/none\/x\.db can not be used.*store\.url/),
    })
  })
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

  const began = async () => (await readFile('/proc/self/stat', 'utf8')).split(' ')[21]
  const space = async () => {
    await using temporary = await temporaryDb()
    await using _ = await lockRemote(temporary.db)
    return ((await readSetting(temporary.db.read, 'owner')) as { space: string }).space
  }
  const here = { host: hostname(), pid: process.pid }
  test.each([
    ['of another box that beat just now', { host: 'elsewhere', pid: 7 }, 0, false],
    ['of another box that fell silent', { host: 'elsewhere', pid: 7 }, 91_000, true],
    ['of a living process here', { ...here, began, space }, 0, false],
    ['of a process here whose pid was given anew', { ...here, began: '1', space }, 0, true],
    ['of a process here that died', { ...here, pid: 4_194_999, began: '1', space }, 0, true],
    [
      'of another container of the same name',
      { ...here, began: '1', space: 'x pid:[1]' },
      0,
      false,
    ],
  ])('the row %s is respected or not', async (_, { host, pid, ...facts }, age, isFree) => {
    await using temporary = await temporaryDb()
    const told: Record<string, unknown> = {}
    for (const [key, fact] of Object.entries(facts))
      told[key] = typeof fact === 'function' ? await fact() : fact
    const owner = { instance: 'x', host, pid, ...told, at: Date.now() - age }
    await temporary.db.write((tx) => writeSetting(tx, 'owner', owner))
    const lock = lockRemote(temporary.db)
    if (isFree) await (await lock)[Symbol.asyncDispose]()
    else await expect(lock).rejects.toThrow(refused(pid))
  })

  /** Turns the clock through so many beats; `told` is what was lost. */
  async function beats(count: number, change: (db: Db) => Db | Promise<Db>) {
    await using temporary = await temporaryDb()
    jest.useFakeTimers()
    try {
      const lost: unknown[] = []
      let db: Db = temporary.db
      const held = await lockRemote(
        { ...temporary.db, write: (work) => db.write(work) },
        (error) => void lost.push(error),
      )
      db = await change(temporary.db)
      for (let beat = 0; beat < count; beat++) {
        jest.advanceTimersByTime(30_000)
        // The write queue takes its turns.
        for (let turn = 0; turn < 50; turn++) await Promise.resolve()
        await temporary.db.write(async () => undefined)
      }
      db = temporary.db
      await held[Symbol.asyncDispose]()
      return lost
    } finally {
      jest.useRealTimers()
    }
  }

  test('that another one took is lost at the next beat', async () => {
    const lost = await beats(1, async (db) => {
      const owner = { instance: 'x', host: 'elsewhere', pid: 7, at: Date.now() }
      await db.write((tx) => writeSetting(tx, 'owner', owner))
      return db
    })
    expect(lost).toEqual([refused(7)])
  })

  const away = new Error('the server is away')
  test.each([
    ['for a moment is still ours', 2, []],
    ['until the row is nearly stale is given up', 3, [away]],
  ])('that can not be reached %s', async (_, count, expected) => {
    const write = () => Promise.reject(away)
    expect(await beats(count, (db) => ({ ...db, write }))).toEqual(expected)
  })
})
