// SPDX-License-Identifier: AGPL-3.0-or-later
import pino from 'pino'

export type { Logger } from 'pino'

/** Field names that never leave in clear, at any of the depths below. */
const SECRET_FIELDS = [
  'password',
  'token',
  'secret',
  'authorization',
  'user_data',
  'unattend_xml',
  'ks_cfg',
  'recipe',
  'credentials',
  'cookie',
  'content',
]

const redact = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`])

/** One JSON object a line. `destination` defaults to stdout; levels as in pino. */
export function createLog(level: string, destination?: { write(line: string): void }) {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: redact, censor: '[redacted]' },
  }
  // pino.transport() does not work inside a compiled executable: plain streams only.
  return destination ? pino(options, destination) : pino(options, pino.destination({ sync: true }))
}
