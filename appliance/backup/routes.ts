// SPDX-License-Identifier: AGPL-3.0-or-later
import { Hono } from 'hono'
import type { Auth } from '../../core/auth/auth.ts'
import type { ApiEnv } from '../../core/http/env.ts'
import type { OperationTable } from '../../core/http/operation.ts'
import { wordOf } from '../../core/http/query.ts'
import { BackupManifest } from '../../schemas/backup.ts'
import { BackupQuery } from '../../schemas/query.ts'
import { backupFaults } from './faults.ts'
import { type BackupParts, makeBackup } from './make.ts'

export const backupOperations: OperationTable = {
  tag: 'backup',
  about: 'A copy of what this appliance knows.',
  schemas: { BackupManifest },
  operations: [
    {
      ...{ method: 'get', path: '/api/v1/backup', id: 'backup', access: 'admin' },
      summary: 'Database, keys, admin token and configuration as a tar archive',
      about: 'Its first file `manifest.json` is a `BackupManifest`. Keep it as you keep passwords.',
      query: BackupQuery,
      answers: { 200: { says: 'the archive', types: ['application/x-tar'] } },
      faults: ['backup.remote', 'backup.running', 'backup.snapshot'],
    },
  ],
}

/** `/api/v1/backup`, for admins; each is written to the audit log. */
export function backupRoutes(parts: BackupParts, auth: Auth): Hono<ApiEnv> {
  let running = false
  return new Hono<ApiEnv>().get('/', async (c) => {
    c.set('audited', {})
    auth.require(c.get('principal'), 'admin')
    const keys = wordOf(c, 'keys', ['true', 'false']) !== 'false'
    if (running) throw backupFaults.running('a backup is being made; try again in a moment')
    running = true
    try {
      const { manifest, stream } = await makeBackup(parts, keys)
      const day = manifest.made_at.slice(0, 10)
      return c.body(stream, 200, {
        'Content-Type': 'application/x-tar',
        'Content-Disposition': `attachment; filename="slipway-${day}.tar"`,
        'Cache-Control': 'no-store',
      })
    } finally {
      running = false
    }
  })
}
