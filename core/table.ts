// SPDX-License-Identifier: AGPL-3.0-or-later

export interface Column<T> {
  readonly title: string
  value(row: T): string
  /** May be cut to fit the terminal. Ids and serials never are: they get copied. */
  readonly cut?: boolean
}

const GAP = 2
const NARROWEST = 6

/** Head and rows, no wider than `width` as far as the columns that may be cut allow. */
export function table<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  width: number | undefined,
): readonly string[] {
  const cells = rows.map((row) => columns.map((column) => column.value(row)))
  // A column without a value in any row says nothing.
  const kept = columns.flatMap((_, at) => (cells.some((row) => row[at]) ? [at] : []))
  const lines = [columns.map(({ title }) => title), ...cells].map((row) =>
    kept.map((at) => row[at] ?? ''),
  )
  const widths = fit(
    kept.map((_, at) => Math.max(...lines.map((line) => Bun.stringWidth(line[at] ?? '')))),
    kept.map((at) => columns[at]?.cut === true),
    width,
  )
  return lines.map((line) =>
    line
      .map((cell, at) => pad(cell, widths[at] ?? 0))
      .join(' '.repeat(GAP))
      .trimEnd(),
  )
}

/** Takes from the widest column that may be cut until all fit. */
function fit(widths: number[], mayCut: readonly boolean[], limit: number | undefined): number[] {
  const result = [...widths]
  const total = () => result.reduce((sum, one) => sum + one, GAP * (result.length - 1))
  while (limit !== undefined && total() > limit) {
    let widest = -1
    for (const [at, width] of result.entries()) {
      if (mayCut[at] && width > NARROWEST && width > (result[widest] ?? 0)) widest = at
    }
    if (widest === -1) break
    result[widest] = (result[widest] ?? 0) - 1
  }
  return result
}

function pad(text: string, width: number): string {
  const cut = clip(text, width)
  return cut + ' '.repeat(Math.max(0, width - Bun.stringWidth(cut)))
}

/** The beginning of a text that fits into so many columns, with `…` where something is missing. */
export function clip(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text
  let result = ''
  for (const character of text) {
    if (Bun.stringWidth(result + character) > width - 1) break
    result += character
  }
  return `${result}…`
}

/** Names and values in two columns, without the empty ones. */
export function facts(
  pairs: readonly (readonly [name: string, value: string | undefined])[],
): readonly string[] {
  const given = pairs.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(0, ...given.map(([name]) => name.length))
  return given.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}
