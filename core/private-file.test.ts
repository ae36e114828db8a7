// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'slipway-private-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const modeOf = async (path: string) => (await stat(path)).mode & 0o777

test('a private file is for its owner only, whatever the umask and the file before it', async () => {
  const path = join(root, 'keys', 'a.key')
  const umask = process.umask(0)
  try {
    await writePrivateFile(path, 'one')
  } finally {
    process.umask(umask)
  }
  expect([await modeOf(join(root, 'keys')), await modeOf(path)]).toEqual([0o700, 0o600])
  await chmod(path, 0o644)
  await writePrivateFile(path, 'two')
  expect(await modeOf(path)).toBe(0o600)
  expect((await readPrivateFile(path))?.toString()).toBe('two')
})

test('a write that fails leaves nothing behind', async () => {
  const folder = await mkdtemp(join(root, 'failing-'))
  await mkdir(join(folder, 'taken', 'inside'), { recursive: true })
  const error = await writePrivateFile(join(folder, 'taken'), 'secret').catch((e: unknown) => e)
  expect(error).toBeInstanceOf(Error)
  expect(await readdir(folder)).toEqual(['taken'])
})

test('a file that is not there is none', async () => {
  expect(await readPrivateFile(join(root, 'absent'))).toBeUndefined()
  expect(await readPrivateFile(join(root, 'no', 'folder'))).toBeUndefined()
})

test.each([0o640, 0o604, 0o660, 0o601])('mode %o is refused', async (mode) => {
  const path = join(root, `mode-${mode}`)
  await writeFile(path, 'secret')
  await chmod(path, mode)
  const fault = await readPrivateFile(path).catch((error: unknown) => error)
  expect(fault).toMatchObject({ code: 'private-file.exposed' })
  expect(String(fault)).toContain(`mode ${mode.toString(8).padStart(4, '0')}`)
  expect(String(fault)).not.toContain('secret\n')
})
