// SPDX-License-Identifier: AGPL-3.0-or-later
import { CsvError, parse } from 'csv-parse/sync'
import { machineFaults } from './faults.ts'

/** Columns whose cell holds several values, separated by spaces or semicolons. */
const LISTS = new Set(['aliases', 'report_base_urls'])

/** Columns that make up one policy. */
const TLS = new Set(['tls', 'tls_fingerprint', 'tls_ca_pem'])

const words = (cell: string) => cell.split(/[\s;]+/).filter((word) => word !== '')

function value(column: string, cell: string): unknown {
  if (LISTS.has(column)) return words(cell)
  // Any other word stays as it is: the schema refuses it, where a guess could unprotect a machine.
  if (column === 'protected' && /^(true|yes|1)$/i.test(cell)) return true
  if (column === 'protected' && /^(false|no|0)$/i.test(cell)) return false
  if (column === 'labels') {
    return Object.fromEntries(
      words(cell).map((pair) => {
        const at = pair.indexOf('=')
        return at > 0 ? [pair.slice(0, at), pair.slice(at + 1)] : [pair, '']
      }),
    )
  }
  return cell
}

/** `tls`, `tls_fingerprint` and `tls_ca_pem` of a row as one policy. */
function policy(row: Record<string, string>) {
  const { tls, tls_fingerprint: fingerprint, tls_ca_pem: ca } = row
  const mode = tls || (fingerprint ? 'pin' : ca ? 'ca' : '')
  if (!mode) return {}
  return { tls: { mode, ...(fingerprint ? { fingerprint } : {}), ...(ca ? { ca_pem: ca } : {}) } }
}

/** What is wrong, by the parser's code: its own sentences repeat the cell, which may be a password. */
const PROBLEMS: Readonly<Record<string, string>> = {
  CSV_RECORD_INCONSISTENT_COLUMNS: 'has not as many cells as the head line',
  CSV_INVALID_OPENING_QUOTE: 'has a quote in the middle of a cell; put the whole cell in quotes',
  CSV_INVALID_CLOSING_QUOTE: 'has something behind a closing quote; write a quote as two',
  CSV_QUOTE_NOT_CLOSED: 'begins a quote that does not end',
}

function unreadable(cause: unknown) {
  const { code = '', line = 1 } =
    cause instanceof CsvError ? { code: cause.code, line: Number(cause['lines']) } : {}
  const problem = PROBLEMS[code] ?? 'can not be read'
  return machineFaults.import(`the CSV can not be taken: line ${line} ${problem}`, { cause })
}

/**
 * Rows of a CSV file whose head line names the fields of a machine (RFC 4180, separators `,` `;` or
 * tab, byte order mark allowed), still unchecked. Empty cells count as not given. Throws
 * `machine.import` with the line.
 */
export function machinesFromCsv(text: string): unknown[] {
  const head = text.trimStart().split('\n', 1)[0] ?? ''
  const delimiter = [',', ';', '\t'].find((each) => head.includes(each)) ?? ','
  let rows: Record<string, string>[]
  try {
    rows = parse(text, { columns: true, bom: true, trim: true, skip_empty_lines: true, delimiter })
  } catch (cause) {
    throw unreadable(cause)
  }
  return rows.map((row) => ({
    ...Object.fromEntries(
      Object.entries(row)
        .filter(([column, cell]) => cell !== '' && !TLS.has(column))
        .map(([column, cell]) => [column, value(column, cell)]),
    ),
    ...policy(row),
  }))
}
