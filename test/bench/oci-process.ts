// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the kernel tells of a server and its files. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../binary/executable.ts'

/** Of `sysconf(_SC_CLK_TCK)`, which is 100 on every Linux of ours. */
const TICKS_PER_SECOND = 100

/** Time on the processors that a process and its threads have had, in seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name of the program may hold blanks: count behind it. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Writes out what is dirty, so that no measurement pays for the one before it. */
export const writeBack = (): Promise<unknown> =>
  run(['sync'], { cwd: '/', env: { PATH: process.env['PATH'] ?? '' } })

/** Takes the large files below a folder out of the page cache. */
export async function makeCold(folder: string): Promise<void> {
  await writeBack()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    if (Bun.file(path).size < 1_048_576) continue
    // dd asks for POSIX_FADV_DONTNEED over the whole file when it is to copy nothing.
    const { code, stderr } = await run(['dd', `if=${path}`, 'iflag=nocache', 'count=0'], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '' },
    })
    if (code !== 0) throw new Error(`${path} stays in the page cache: ${stderr}`)
  }
}
