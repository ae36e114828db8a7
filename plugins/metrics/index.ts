// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { createJobMetrics, watchStatuses } from './job-metrics.ts'
import { metricsOperations } from './operations.ts'
import { watchProcess } from './process-metrics.ts'

const NAME = 'metrics'

/** Shows what everybody counts, for Prometheus, and counts jobs and the process itself. */
export const metrics = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  setup({ hooks, jobs, metrics: registry, now }) {
    const byStatus = watchStatuses(registry, jobs)
    const jobMetrics = createJobMetrics(registry, now())
    hooks.start.tapPromise(NAME, async (scope) => {
      scope.use(watchProcess(registry))
    })
    hooks.changed.tap(NAME, (job) => jobMetrics.changed(job))
    hooks.seen.tap(NAME, (sighting) => jobMetrics.seen(sighting))
    hooks.routes.tap(NAME, ({ api, describe }) => {
      describe(metricsOperations)
      api.get('/metrics', async (c) => {
        await byStatus.look()
        c.header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
        return c.body(await registry.collect())
      })
    })
  },
})
