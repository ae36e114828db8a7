// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Reply } from './registry.ts'

const ERROR_CODES =
  /^(BLOB_UNKNOWN|BLOB_UPLOAD_INVALID|BLOB_UPLOAD_UNKNOWN|DIGEST_INVALID|MANIFEST_BLOB_UNKNOWN|MANIFEST_INVALID|MANIFEST_UNKNOWN|NAME_INVALID|NAME_UNKNOWN|SIZE_INVALID|UNAUTHORIZED|DENIED|UNSUPPORTED|TOOMANYREQUESTS|PAGINATION_NUMBER_INVALID)$/

const WARNING = /^299 - "[^"\\]*(?:\\.[^"\\]*)*"$/

/** What every answer of a registry owes, whatever was asked; one line for each thing that is amiss. */
function amiss(method: string, { status, headers, json }: Reply): string[] {
  const found: string[] = []
  if (headers.get('docker-distribution-api-version') !== 'registry/2.0') {
    found.push('names no API version')
  }
  if (headers.has('content-encoding')) found.push('is encoded')
  if (status >= 500) found.push('is the server’s fault')
  if (status >= 300 && status < 400 && status !== 304) found.push('leads elsewhere')
  const warnings = headers.get('warning')
  if (warnings && !warnings.split(/(?<="), /).every((warning) => WARNING.test(warning))) {
    found.push(`warns in another form: ${warnings}`)
  }
  if ((warnings?.length ?? 0) > 4_096) found.push('warns at too great length')
  if (status < 400 || status >= 500 || method === 'HEAD') return found
  if (headers.get('content-type') !== 'application/json') found.push('is no JSON by its type')
  const errors: unknown = json?.errors
  if (!Array.isArray(errors) || errors.length === 0) return [...found, 'names no error']
  for (const { code, message } of errors) {
    if (!ERROR_CODES.test(String(code))) found.push(`has the code ${code}`)
    if (message !== undefined && typeof message !== 'string') found.push('has no text for message')
  }
  return found
}

const lines: string[] = []

/** What was amiss with the answers of one file of tests; its last test looks at `found`. */
export const oddities = {
  clear() {
    lines.length = 0
  },
  look(method: string, where: string, reply: Reply) {
    if (!/^(https?:\/\/[^/]+)?\/v2(\/|\?|$)/.test(where)) return
    for (const what of amiss(method, reply)) {
      const line = `${method} ${where.slice(0, 200)}: ${reply.status} ${what}`
      if (lines.length < 20) lines.push(line)
    }
  },
  get found(): readonly string[] {
    return lines
  },
}
