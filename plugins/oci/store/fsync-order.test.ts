// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const WHY = Bun.which('strace') ? '' : ' (skipped: strace is not installed)'
const CALLS = 'fsync,fdatasync,link,linkat,rename,renameat,renameat2,write'

/** A registry of its own process that pushes one large blob, then one small one, and says so. */
const SCRIPT = `
import { registryBed } from ${JSON.stringify(join(import.meta.dir, '../test-bed.ts'))}
import { writeSync } from 'node:fs'
await using bed = await registryBed()
await bed.pushBlob('t/warm', 'up')
await bed.store().fresh.settle()
await bed.store().layouts.settle()
writeSync(2, 'BEGIN large')
await bed.pushBlob('t/order', new Uint8Array(200_000).fill(1))
writeSync(2, 'ANSWER large')
await bed.pushBlob('t/order', 'small')
writeSync(2, 'ANSWER small')
`

/** What happened between two marks: one letter a call that matters. */
function story(lines: readonly string[], from: string, to: string): string {
  const first = lines.findIndex((line) => line.includes(from))
  const last = lines.findIndex((line) => line.includes(to))
  return lines
    .slice(first + 1, last)
    .map((line) => {
      if (/fdatasync\(\d+<[^>]*\/uploads\/[^>]*\/data>/.test(line)) return 'D'
      if (/rename\w*\(.*\/_blobs\//.test(line)) return 'R'
      if (/fsync\(\d+<[^>]*\/_blobs\/sha256\/\w\w>/.test(line)) return 'F'
      return /(fsync|fdatasync)\(\d+<[^>]*slipway\.db-wal>/.test(line) ? 'C' : ''
    })
    .join('')
}

test.skipIf(WHY !== '')(
  `a blob is acknowledged after data, name and row are on the disk, in this order${WHY}`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-order-'))
    try {
      const [script, trace] = [join(folder, 'push.ts'), join(folder, 'trace')]
      await writeFile(script, SCRIPT)
      const traced = ['strace', '-f', '-y', '-s', '200', '-e', CALLS, '-o', trace]
      const child = Bun.spawn([...traced, process.execPath, script], {
        stdio: ['ignore', 'ignore', 'ignore'],
      })
      expect(await child.exited).toBe(0)
      // Of a call that another thread interrupted, the line that begins it names the file.
      const lines = (await readFile(trace, 'utf8')).split('\n')
      expect(story(lines, 'BEGIN large', 'ANSWER large')).toMatch(/D.*R.*F.*C/)
      // Its bytes stand in the row: one sync for all.
      expect(story(lines, 'ANSWER large', 'ANSWER small')).toMatch(/R.*C/)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
  60_000,
)
