// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandOutput } from '../../../core/command.ts'
import { clip } from '../../../core/table.ts'
import { sizeOf, span } from '../../../core/times.ts'
import { SECOND } from '../../../core/units.ts'
import type { Descriptor } from '../client/manifest.ts'
import type { Outcome, TransferWatch } from '../client/transfer.ts'

/** What a transfer has moved, told as it goes. */
export interface Progress extends TransferWatch, Disposable {
  /** Bytes that crossed the wire, those sent twice included. */
  readonly movedBytes: number
  readonly outcomes: Readonly<Record<Outcome, number>>
  /** Counts the reading that comes before the first byte is sent. */
  reads(path: string, bytes: number, sizeBytes: number): void
}

interface Row {
  readonly blob: Descriptor
  readonly name: string
  atBytes: number
  outcome: Outcome | undefined
}

const PICTURE_MS = 200
/** Where nobody watches a picture, a line so often is enough. */
const LINE_MS = 10 * SECOND
const EVENT_MS = SECOND
/** The rate is that of the last so many ms. */
const RATE_MS = 5 * SECOND
const MARK_MS = 100

const WORDS: Readonly<Record<Outcome, string>> = {
  present: 'is there already',
  mounted: 'taken from another repository',
  sent: 'sent',
  received: 'received',
}

/** A picture at a terminal, lines elsewhere, one event a line under `--json`. */
export function showProgress(out: CommandOutput, now: () => number = Date.now): Progress {
  const rows = new Map<string, Row>()
  const outcomes = { present: 0, mounted: 0, sent: 0, received: 0 }
  const marks: { readonly at: number; readonly bytes: number }[] = []
  let moved = 0
  let toldAt = now()
  let drawn = false
  let reading = ''

  const due = () => {
    const pause = out.live ? PICTURE_MS : out.json ? EVENT_MS : LINE_MS
    if (now() - toldAt < pause) return false
    toldAt = now()
    return true
  }
  const rate = () => {
    const [first] = marks
    const last = marks.at(-1)
    if (!first || !last || last.at <= first.at) return 0
    return ((last.bytes - first.bytes) * SECOND) / (last.at - first.at)
  }
  const sums = () => {
    const all = [...rows.values()]
    const total = all.reduce((sum, { blob }) => sum + blob.size, 0)
    const at = all.reduce(
      (sum, { blob, atBytes, outcome }) => sum + (outcome ? blob.size : atBytes),
      0,
    )
    return { at, total }
  }
  const line = () => {
    const { at, total } = sums()
    const percent = total > 0 ? Math.floor((100 * at) / total) : 100
    const perSecond = rate()
    const eta = perSecond > 0 ? `, ${span(((total - at) / perSecond) * SECOND)} to go` : ''
    return `${percent} %  ${sizeOf(at)} of ${sizeOf(total)}  ${sizeOf(perSecond)}/s${eta}`
  }
  const event = (value: object) => out.raw(`${JSON.stringify(value)}\n`)
  const clear = () => {
    if (drawn) out.raw('\r\x1b[K')
    drawn = false
  }
  const draw = (text: string) => {
    drawn = true
    out.raw(`\r\x1b[K${clip(text, (out.columns() ?? 80) - 1)}`)
  }
  const tell = () => {
    if (!due()) return
    if (out.json) {
      const { at, total } = sums()
      return event({ event: 'progress', at_bytes: at, total_bytes: total, moved_bytes: moved })
    }
    if (out.live) draw(line())
    else out.note(line())
  }
  return {
    outcomes,
    get movedBytes() {
      return moved
    },
    reads(path, bytes, sizeBytes) {
      if (out.json) return
      const text = `reading ${path}: ${Math.floor((100 * bytes) / Math.max(1, sizeBytes))} %`
      if (reading === text || !due()) return
      reading = text
      if (out.live) draw(text)
      else out.note(text)
    },
    begins(blob, name) {
      rows.set(blob.digest, { blob, name, atBytes: 0, outcome: undefined })
      if (out.json) event({ event: 'begin', digest: blob.digest, size_bytes: blob.size, name })
    },
    stands(blob, atBytes, movedBytes) {
      const row = rows.get(blob.digest)
      if (row) row.atBytes = atBytes
      moved += movedBytes
      const at = now()
      const before = marks.at(-1)
      if (!before || at - before.at >= MARK_MS) marks.push({ at, bytes: moved })
      while (marks.length > 2 && at - (marks[0]?.at ?? at) > RATE_MS) marks.shift()
      tell()
    },
    ends(blob, outcome) {
      const row = rows.get(blob.digest)
      if (!row || row.outcome) return
      row.outcome = outcome
      outcomes[outcome]++
      clear()
      if (out.json) return event({ event: 'end', digest: blob.digest, outcome })
      out.print(`${row.name}  ${sizeOf(blob.size)}  ${WORDS[outcome]}`)
    },
    trouble(blob, { code, message }, pauseMs) {
      clear()
      const pause_ms = Math.round(pauseMs)
      if (out.json) return event({ event: 'trouble', digest: blob.digest, code, message, pause_ms })
      out.note(`${message}; trying again in ${span(Math.max(pauseMs, SECOND))}`)
    },
    [Symbol.dispose]: clear,
  }
}
