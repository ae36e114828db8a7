// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { defineFaults } from './faults.ts'

/** Bits of a file's mode by which anybody but its owner could use it. */
const OTHERS = 0o077

export const privateFileFaults = defineFaults('private-file', {
  exposed: { status: 500, retry: false },
  unreadable: { status: 500, retry: false },
})

const hasCode = (error: unknown, code: string) =>
  error instanceof Error && 'code' in error && error.code === code

/**
 * Writes a file that only its owner may read (0600, a new folder 0700). It appears under its name
 * only when it is whole and on the disk; an older one is replaced.
 */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `.${basename(path)}.${Bun.randomUUIDv7()}`)
  try {
    {
      await using file = await open(temporary, 'wx', 0o600)
      await file.writeFile(content)
      await file.sync()
    }
    await rename(temporary, path)
    // The new name is a change of the folder: without this a power cut may take it back.
    await using entry = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
    await entry.sync()
  } finally {
    await rm(temporary, { force: true })
  }
}

/**
 * The content of a secret file, undefined when there is none.
 * Throws `private-file.exposed` when others may use it: then it is no secret any more.
 */
export async function readPrivateFile(path: string): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, 'r')
    const { mode } = await file.stat()
    if ((mode & OTHERS) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0')
      throw privateFileFaults.exposed(
        `${path} may be used by others (mode ${shown}): run chmod 600 ${path}, and replace the secret if somebody may have read it`,
      )
    }
    return await file.readFile()
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined
    if (!hasCode(cause, 'EACCES') && !hasCode(cause, 'EISDIR')) throw cause
    throw privateFileFaults.unreadable(`${path} can not be read: it must be a file of our user`, {
      cause,
    })
  }
}
