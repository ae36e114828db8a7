// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OperationTable } from '../../core/http/operation.ts'

export const metricsOperations: OperationTable = {
  tag: 'metrics',
  about: 'Counters and timings.',
  schemas: {},
  operations: [
    {
      ...{ method: 'get', path: '/metrics', id: 'metrics', access: 'viewer' },
      summary: 'For Prometheus, in its text format',
      answers: { 200: { says: 'all values', types: ['text/plain'] } },
    },
  ],
}
