// SPDX-License-Identifier: AGPL-3.0-or-later
import { parse } from 'csv-parse/sync'
import { sentence } from '../faults.ts'
import { machineFaults } from './faults.ts'

/** Columns whose cell holds several values, separated by spaces or semicolons. */
const LISTS = new Set(['aliases', 'report_base_urls'])

const words = (cell: string) => cell.split(/[\s;]+/).filter((word) => word !== '')

function value(column: string, cell: string): unknown {
  if (LISTS.has(column)) return words(cell)
  if (column === 'protected') return /^(true|yes|1)$/i.test(cell)
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

/**
 * Rows of a CSV file whose head line names the fields of a machine (RFC 4180, separators `,` `;` or
 * tab, byte order mark allowed), still unchecked. Empty cells count as not given. Throws
 * `machine.import` with the line.
 */
export function machinesFromCsv(text: string): unknown[] {
  const head = text.split('\n', 1)[0] ?? ''
  const delimiter = [',', ';', '\t'].find((each) => head.includes(each)) ?? ','
  let rows: Record<string, string>[]
  try {
    rows = parse(text, { columns: true, bom: true, trim: true, skip_empty_lines: true, delimiter })
  } catch (cause) {
    throw machineFaults.import(`the CSV can not be read: ${sentence(cause)}`, { cause })
  }
  return rows.map((row) => ({
    ...Object.fromEntries(
      Object.entries(row)
        .filter(([column, cell]) => cell !== '' && !column.startsWith('tls'))
        .map(([column, cell]) => [column, value(column, cell)]),
    ),
    ...policy(row),
  }))
}
