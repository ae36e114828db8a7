// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { at, type MachineOs } from './machine-os.ts'

/** One line that a unit wrote, or that systemd wrote of it. */
export interface JournalLine {
  readonly unit: string
  readonly level: 'info' | 'warn' | 'error'
  readonly text: string
}

const Entry = v.object({
  MESSAGE: v.optional(v.union([v.string(), v.array(v.number()), v.null()])),
  PRIORITY: v.optional(v.string(), '6'),
  UNIT: v.optional(v.string()),
  _SYSTEMD_UNIT: v.optional(v.string()),
  __CURSOR: v.string(),
})

/** Longest line that the appliance takes. */
const LONGEST_LINE = 8_000
/** Lines of one look: a unit that writes more at once is cut. */
const MOST_LINES = 1_000

/** Text that is no UTF-8 comes as its bytes. */
const textOf = (message: v.InferOutput<typeof Entry>['MESSAGE']) =>
  typeof message === 'string' ? message : new TextDecoder().decode(Uint8Array.from(message ?? []))

const levelOf = (priority: string): JournalLine['level'] => {
  if (Number(priority) <= 3) return 'error'
  return Number(priority) === 4 ? 'warn' : 'info'
}

/** The lines of `journalctl --output=json`, and the place after the last of them. */
export function parseJournal(text: string): {
  readonly lines: readonly JournalLine[]
  readonly cursor: string | undefined
} {
  let cursor: string | undefined
  const lines = text.split('\n').flatMap((row): JournalLine[] => {
    if (row === '') return []
    try {
      const entry = v.parse(Entry, JSON.parse(row))
      cursor = entry.__CURSOR
      const unit = entry.UNIT ?? entry._SYSTEMD_UNIT ?? ''
      const level = levelOf(entry.PRIORITY)
      return [{ unit, level, text: textOf(entry.MESSAGE).slice(0, LONGEST_LINE) }]
    } catch {
      // Half a row of a journal that is being written: its whole comes with the next look.
      return []
    }
  })
  return { lines, cursor }
}

/** Reads on in the journal of some units; goes on where an earlier process stopped. */
export class Journal {
  readonly #os: MachineOs
  readonly #units: readonly string[]
  readonly #cursorFile: string
  #cursor: string | undefined

  constructor(os: MachineOs, folder: string, units: readonly string[]) {
    this.#os = os
    this.#units = units
    this.#cursorFile = join(at(os, folder), 'journal.cursor')
  }

  /** What was written since the last call. Empty when there is no journal. */
  async next(): Promise<readonly JournalLine[]> {
    this.#cursor ??= await readFile(this.#cursorFile, 'utf8').catch(() => '')
    const from = this.#cursor === '' ? ['--boot'] : [`--after-cursor=${this.#cursor}`]
    const units = this.#units.map((unit) => `--unit=${unit}`)
    const command = ['journalctl', '--no-pager', '--quiet', '--output=json', ...from, ...units]
    const { code, stdout } = await this.#os.run(command)
    if (code !== 0) return []
    const { lines, cursor } = parseJournal(stdout)
    if (cursor !== undefined) {
      this.#cursor = cursor
      await writeFile(this.#cursorFile, cursor, { mode: 0o600 })
    }
    if (lines.length <= MOST_LINES) return lines
    const left = lines.length - MOST_LINES
    const unit = lines.at(-1)?.unit ?? ''
    const notice = { unit, level: 'warn', text: `${left} lines were left out here` } as const
    return [notice, ...lines.slice(-MOST_LINES)]
  }
}
