// SPDX-License-Identifier: AGPL-3.0-or-later
/** Figures of the built file: `scripts/bench start [--runs N] [--json]`. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { executable, residentBytes, scratch, startServe } from '../test/binary/executable.ts'

/** Long enough that what the start left behind is collected. */
const IDLE_MS = 2_000

interface Start {
  readonly readyMs: number
  readonly idleBytes: number
}

async function measureStart(folder: string): Promise<Start> {
  const serving = await startServe({
    command: [executable()],
    cwd: folder,
    dataDir: join(folder, 'data'),
    env: { TMPDIR: folder },
  })
  await Bun.sleep(IDLE_MS)
  const idleBytes = await residentBytes(serving.process.pid)
  const code = await serving.stop()
  if (code !== 0) throw new Error(`slipway serve ended with ${code} on SIGTERM`)
  return { readyMs: serving.readyMs, idleBytes }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** First starts make keys, certificate and database; later ones find them. */
async function benchStart(runs: number) {
  const first: Start[] = []
  const later: Start[] = []
  for (let index = 0; index < runs; index++) {
    await using folder = await scratch()
    first.push(await measureStart(folder.path))
    later.push(await measureStart(folder.path))
  }
  const both = [...first, ...later]
  return {
    runs,
    first_start_ms: Math.round(median(first.map((start) => start.readyMs))),
    later_start_ms: Math.round(median(later.map((start) => start.readyMs))),
    idle_rss_bytes: median(both.map((start) => start.idleBytes)),
    file_bytes: Bun.file(executable()).size,
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } },
})
if (positionals[0] !== 'start') {
  console.error('scripts/bench start [--runs N] [--json]')
  process.exit(2)
}
const result = await benchStart(Math.max(1, Number(values.runs)))
const megabytes = (bytes: number) => `${(bytes / 1_000_000).toFixed(0)} MB`
if (values.json) console.log(JSON.stringify(result))
else {
  console.log(`| what (median of ${result.runs}) | figure |\n|---|---|`)
  console.log(`| first start to the first answer | ${result.first_start_ms} ms |`)
  console.log(`| later start to the first answer | ${result.later_start_ms} ms |`)
  console.log(`| memory when idle (resident) | ${megabytes(result.idle_rss_bytes)} |`)
  console.log(`| size of the file | ${megabytes(result.file_bytes)} |`)
}
