// SPDX-License-Identifier: AGPL-3.0-or-later
import { AuditEntry, AuditList } from '../../schemas/audit.ts'
import { AuditQuery } from '../../schemas/query.ts'
import type { OperationTable } from '../http/operation.ts'

export const auditOperations: OperationTable = {
  tag: 'audit',
  about: 'Who did what to which job, machine or user.',
  schemas: { AuditEntry, AuditList },
  operations: [
    {
      ...{ method: 'get', path: '/api/v1/audit', id: 'listAudit', access: 'admin' },
      summary: 'Calls that changed something or were to, the newest first',
      query: AuditQuery,
      answers: { 200: { says: 'a page of calls', schema: AuditList } },
    },
  ],
}
