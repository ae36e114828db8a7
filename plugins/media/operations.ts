// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OperationTable } from '../../core/http/operation.ts'
import { MaintenanceView } from '../../schemas/maintenance.ts'
import { MaintenanceQuery } from '../../schemas/query.ts'

const PATH = '/api/v1/maintenance'

export const mediaOperations: OperationTable = {
  tag: 'maintenance',
  about: 'The ISO that machines boot.',
  schemas: { MaintenanceView },
  operations: [
    {
      ...{ method: 'get', path: PATH, id: 'getMaintenance', access: 'viewer' },
      summary: 'The maintenance ISO',
      answers: { 200: { says: 'what it is', schema: MaintenanceView } },
      faults: ['media.no-maintenance-iso'],
    },
    {
      ...{ method: 'put', path: PATH, id: 'putMaintenance', access: 'operator' },
      summary: 'Give the appliance another maintenance ISO',
      about: 'Running jobs keep the one that they began with.',
      ...{ query: MaintenanceQuery, bodyTypes: ['application/octet-stream'] },
      answers: { 200: { says: 'what was received', schema: MaintenanceView } },
      faults: [
        ...['media.not-bootable', 'media.digest-mismatch', 'media.bad-digest'],
        'media.other-build',
        ...['media.cut-short', 'media.disk-full', 'media.storage'],
      ],
    },
    {
      ...{ method: 'delete', path: PATH, id: 'removeMaintenance', access: 'operator' },
      summary: 'Take the maintenance ISO away',
      answers: { 204: { says: 'it is gone' } },
      faults: ['media.no-maintenance-iso'],
    },
  ],
}
