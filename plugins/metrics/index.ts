// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { createJobMetrics } from './job-metrics.ts'
import { watchProcess } from './process-metrics.ts'
import { createRegistry } from './registry.ts'

const NAME = 'metrics'

/** Counts and timings for Prometheus. */
export const metrics = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  setup({ hooks, now }) {
    const registry = createRegistry()
    const jobs = createJobMetrics(registry, now())
    hooks.start.tapPromise(NAME, async (scope) => {
      scope.use(watchProcess(registry))
    })
    hooks.changed.tap(NAME, (job) => jobs.changed(job))
    hooks.seen.tap(NAME, (sighting) => jobs.seen(sighting))
    hooks.routes.tap(NAME, ({ api }) => {
      api.get('/metrics', (c) => {
        c.header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
        return c.body(registry.render())
      })
    })
  },
})
