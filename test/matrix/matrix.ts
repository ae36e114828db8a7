// SPDX-License-Identifier: AGPL-3.0-or-later
/** `scripts/matrix [--json] [--only PATTERN] [--at-once N]`: every simulated controller under every trouble. */
import { parseArgs } from 'node:util'
import { personalityNames } from '../../plugins/simulator/index.ts'
import { complete, post, ready } from '../stage.ts'
import { expected, ROWS, TROUBLES, type Trouble } from './cells.ts'

/** One job under one trouble. */
interface Cell {
  readonly personality: string
  readonly trouble: string
  readonly expected: string
  readonly ended: string
  readonly reason: string
  readonly ms: number
}

/** Limits that hold for a controller that never does what it should. */
const LIMITS = ['redfish.insert_confirm_s=0.3', 'redfish.eject_timeout_s=0.5']
/** The clock of a job is turned by so much whenever nothing is due. */
const STEP_MS = 10_000

async function endingOf(personality: string, trouble: Trouble) {
  const row = ROWS[personality] ?? {}
  const set = [...LIMITS, ...(row.https ? ['server.bmc_https=127.0.0.1:0'] : [])]
  await using stage = await ready({ personality, manners: trouble.manners ?? {} }, set)
  const { running, machine } = stage
  if (row.systemUri) {
    const change = { system_uri: row.systemUri }
    await running.send('PATCH', `/api/v1/machines/${machine.serial}`, change)
  }
  for (const fault of trouble.faults?.() ?? []) machine.faults.add(fault)
  const id = await post(running, machine.serial)
  const job = await running.until(id, complete, STEP_MS)
  const ended: string = job.result === 'succeeded' ? 'ok' : job.failed_code
  return { ended, reason: job.failed_reason ?? '' }
}

async function play(personality: string, trouble: Trouble): Promise<Cell> {
  const started = performance.now()
  const cell = { personality, trouble: trouble.name, expected: expected(personality, trouble) }
  // A cell that breaks is a cell that ended otherwise: the others are still worth knowing.
  const end = await endingOf(personality, trouble).catch((error: unknown) => ({
    ended: 'broken',
    reason: String(error).slice(0, 500),
  }))
  return { ...cell, ...end, ms: Math.round(performance.now() - started) }
}

/** Works through all cells, so many at once. */
async function playAll(names: readonly string[], atOnce: number): Promise<readonly Cell[]> {
  const waiting = names.flatMap((name) => TROUBLES.map((trouble) => ({ name, trouble })))
  const total = waiting.length
  const cells: Cell[] = []
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const cell = await play(next.name, next.trouble)
      cells.push(cell)
      const mark = cell.ended === cell.expected ? 'ok    ' : 'FAILED'
      process.stderr.write(
        `${mark} ${cells.length}/${total} ${cell.personality}: ${cell.trouble}\n`,
      )
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return cells
}

const label = (cell: Cell | undefined) =>
  cell ? (cell.ended === cell.expected ? cell.ended : `! ${cell.ended} (${cell.expected})`) : ''

function table(names: readonly string[], cells: readonly Cell[]): string {
  const heads = ['controller', ...TROUBLES.map(({ name }) => name)]
  const line = (words: readonly string[]) => `| ${words.join(' | ')} |`
  const rows = names.map((name) => [
    name,
    ...TROUBLES.map((trouble) =>
      label(cells.find((cell) => cell.personality === name && cell.trouble === trouble.name)),
    ),
  ])
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    only: { type: 'string' },
    'at-once': { type: 'string', default: '3' },
  },
})
const only = new RegExp(values.only ?? '')
const names = personalityNames.filter((name) => only.test(name))
const cells = await playAll(names, Number(values['at-once']))
const wrong = cells.filter(({ ended, expected: wanted }) => ended !== wanted)
if (values.json) console.log(JSON.stringify({ cells, wrong: wrong.length }, null, 1))
else {
  console.log(table(names, cells))
  for (const { personality, trouble, reason } of wrong)
    console.log(`${personality}, ${trouble}: ${reason}`)
}
process.exit(wrong.length === 0 && cells.length > 0 ? 0 : 1)
