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

/** Drizzle quotes the bound values of a query that failed: names, addresses, inventories. */
const withoutParams = (text: string): string => text.replace(/\nparams: [^\n]*/g, '\nparams: […]')

/** An error with its causes in message and stack, without what the database was given. */
function errorView(error: Error): unknown {
  const view = pino.stdSerializers.err(error)
  return {
    ...view,
    message: withoutParams(view.message),
    stack: withoutParams(view.stack),
    params: undefined,
  }
}

/** One JSON object a line. `destination` defaults to stdout; levels as in pino. */
export function createLog(level: string, destination?: { write(line: string): void }) {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: redact, censor: '[redacted]' },
    serializers: { err: errorView },
  }
  // pino.transport() does not work inside a compiled executable: plain streams only.
  return destination ? pino(options, destination) : pino(options, pino.destination({ sync: true }))
}
