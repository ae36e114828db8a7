// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { bytesSource, openFileSource } from './byte-source.ts'
import { baseNames, type Composed, composed, TASK_FILES, writeBase } from './composed-images.ts'
import { openIso } from './open-iso.ts'
import { digest, folderLines, run, temporaryFolder } from './real-tools.ts'
import { SECTOR } from './sector.ts'
import { byText } from './tree.ts'

/** A partition as sfdisk tells of it, in blocks of 512 bytes. */
interface Partition {
  readonly start: number
  readonly size: number
  readonly type: string
  readonly name: string | undefined
}

async function partitions(path: string): Promise<Partition[]> {
  const text = await run('sfdisk', '--json', path).catch(() => '')
  return text === '' ? [] : JSON.parse(text).partitiontable.partitions.map(asPartition)
}

const asPartition = ({ start, size, type, name }: Partition): Partition => ({
  start,
  size,
  type,
  name,
})

const lines = (text: string) => text.split('\n').filter((line) => line.trim() !== '')

/** Paths of one tree of an image, as isoinfo shows them. */
const listed = async (path: string, ...tree: string[]) =>
  lines(await run('isoinfo', ...tree, '-f', '-i', path)).sort(byText)

/** Plain trees have upper case only. */
const isTask = (line: string) => /^\/task[/ ]?/i.test(line)

describe.each(baseNames)('a task in a base by %s', (name) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let made: Composed
  beforeAll(async () => {
    folder = await temporaryFolder()
    made = await composed(await writeBase(name, folder.path), folder.path)
  })
  afterAll(() => folder[Symbol.asyncDispose]())

  const openBoth = async () => {
    const [base, both] = [await openFileSource(made.basePath), await openFileSource(made.path)]
    return { base: await openIso(base), both: await openIso(both), sources: [base, both] }
  }

  test('our reader finds the original files where they were, and the task', async () => {
    const { base, both, sources } = await openBoth()
    const files = (await both.list()).filter(({ kind }) => kind !== 'directory')
    const original = (await base.list()).filter(({ kind }) => kind !== 'directory')
    expect(files.filter(({ path }) => !path.startsWith('/task/'))).toEqual(original)
    expect(both.volumeId).toBe(base.volumeId)
    expect(both.boot).toEqual(base.boot)
    const long = (path: string) =>
      path.replace('recipe_schema', 'recipe.schema').replace('user_', 'user-')
    const found = files.filter(({ path }) => path.startsWith('/task/')).map(({ path }) => path)
    expect(found.map(long).sort()).toEqual(
      [...TASK_FILES.keys()].map((path) => `/task${path}`).sort(),
    )
    for (const path of found)
      expect(await both.readFile(path)).toEqual(
        Uint8Array.from(TASK_FILES.get(long(path).slice('/task'.length)) ?? []),
      )
    for (const source of sources) await source[Symbol.asyncDispose]()
  })

  test('xorriso extracts what was there and the task, and finds nothing to complain about', async () => {
    const extract = async (path: string, to: string) => {
      const out = join(folder.path, to)
      await run(
        'xorriso',
        '-abort_on',
        'WARNING',
        '-osirrox',
        'on',
        '-indev',
        path,
        '-extract',
        '/',
        out,
      )
      return await folderLines(out)
    }
    const before = await extract(made.basePath, 'x-base')
    const after = await extract(made.path, 'x-composed')
    expect(after.filter((line) => !isTask(line))).toEqual(before)
    const contents = after
      .filter((line) => / file /.test(line) && isTask(line))
      .map((line) => line.split(' ').at(-1))
    expect(contents.sort()).toEqual([...TASK_FILES.values()].map((bytes) => digest(bytes)).sort())
    const checked = await run(
      'xorriso',
      '-abort_on',
      'WARNING',
      '-indev',
      made.path,
      '-check_media',
      '--',
    )
    expect(checked).toContain('+ good')
  })

  test('boot code, boot catalog and boot images are as they were', async () => {
    const report = async (path: string) =>
      lines(await run('xorriso', '-indev', path, '-report_el_torito', 'plain')).filter((line) =>
        line.startsWith('El Torito'),
      )
    const before = await report(made.basePath)
    expect(before.length).toBeGreaterThan(1)
    expect(await report(made.path)).toEqual(before)
    const [base, both] = [await Bun.file(made.basePath).bytes(), await Bun.file(made.path).bytes()]
    expect(digest(both.subarray(0, 446))).toBe(digest(base.subarray(0, 446)))
    const { boot } = await openIso(bytesSource(base))
    for (const lba of [boot?.lba ?? 0, ...(boot?.entries ?? []).map((entry) => entry.lba)]) {
      const sector = [lba * SECTOR, (lba + 1) * SECTOR] as const
      expect(digest(both.subarray(...sector))).toBe(digest(base.subarray(...sector)))
    }
  })

  test('isoinfo shows the task in every tree, and the volume to its end', async () => {
    const facts = await run('isoinfo', '-d', '-i', made.path)
    expect(facts).toContain(`Volume size is: ${made.image.sizeBytes / SECTOR}`)
    const trees = [
      [],
      ...(/Joliet with/.test(facts) ? [['-J']] : []),
      ...(/Rock Ridge sig/.test(facts) ? [['-R']] : []),
    ]
    for (const tree of trees) {
      const before = await listed(made.basePath, ...tree)
      const after = await listed(made.path, ...tree)
      expect(after.filter((path) => !isTask(path))).toEqual(before)
      expect(after.length - before.length).toBe(
        TASK_FILES.size + '/task /task/drivers /task/drivers/net'.split(' ').length,
      )
    }
    const directories = (text: string) => text.match(/^ +\d+: +\d+ [0-9a-f]+ /gm)?.length ?? 0
    const [before, after] = [
      await run('isoinfo', '-p', '-i', made.basePath),
      await run('isoinfo', '-p', '-i', made.path),
    ]
    expect(directories(after)).toBe(directories(before) + 3)
  })

  test('the root counts its links as its writer did', async () => {
    const links = async (path: string) => {
      const listed = await run('isoinfo', '-R', '-l', '-i', path)
      return Number(/^d\S+ +(\d+) .*\] +\. *$/m.exec(listed)?.[1])
    }
    const before = await links(made.basePath)
    expect(await links(made.path)).toBe(before > 1 ? before + 1 : before)
  })

  test('7z extracts what was there and the task', async () => {
    const extract = async (path: string, to: string) => {
      const out = join(folder.path, to)
      await run('7z', 'x', '-y', '-tiso', `-o${out}`, path)
      return (await folderLines(out, { modes: false })).filter((line) => / file /.test(line))
    }
    const before = await extract(made.basePath, '7z-base')
    const after = await extract(made.path, '7z-composed')
    expect(after.filter((line) => !isTask(line))).toEqual(before)
    expect(after.length).toBe(before.length + TASK_FILES.size)
  })

  test('sfdisk, fdisk and partx see the task ISO as one more partition', async () => {
    const [before, after] = [await partitions(made.basePath), await partitions(made.path)]
    const added = after.filter((each) => !before.some(({ start }) => start === each.start))
    expect(after.filter((each) => !added.includes(each))).toEqual(before)
    expect(added).toHaveLength(1)
    const [{ start, size } = { start: 0, size: 0 }] = added
    expect(await run('sfdisk', '--verify', made.path)).toContain('No errors detected')
    expect(await run('fdisk', '-l', made.path)).toMatch(
      new RegExp(`\\s${start}\\s+${start + size - 1}\\s`),
    )
    expect(await run('partx', '-rgo', 'START,SECTORS', made.path)).toContain(`${start} ${size}`)

    const bytes = (await Bun.file(made.path).bytes()).subarray(start * 512, (start + size) * 512)
    expect(digest(bytes)).toBe(digest(await Bun.file(made.taskPath).bytes()))
    const task = await openIso(bytesSource(bytes))
    expect(task.volumeId).toBe('TASK_0123456789A')
    expect(await task.readFile('/job.json')).toEqual(
      Uint8Array.from(TASK_FILES.get('/job.json') ?? []),
    )
  })
})
