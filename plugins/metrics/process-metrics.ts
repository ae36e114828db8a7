// SPDX-License-Identifier: AGPL-3.0-or-later
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Registry } from '../../core/metrics/registry.ts'
import { SECOND } from '../../core/units.ts'
import { version } from '../../core/version.ts'

const MICROSECONDS = 1e6
const NANOSECONDS = 1e9

/** What the delays of the event loop were since the last look, in seconds. */
function delays(histogram: ReturnType<typeof monitorEventLoopDelay>) {
  const quantiles = [50, 90, 99].map((percentile) => ({
    labels: { quantile: String(percentile / 100) },
    value: histogram.percentile(percentile) / NANOSECONDS,
  }))
  const longest = { labels: { quantile: '1' }, value: histogram.max / NANOSECONDS }
  // Without a single measurement `max` has no meaning.
  return histogram.count === 0 ? quantiles : [...quantiles, longest]
}

/** How this process is. Disposing ends the measurement of the event loop. */
export function watchProcess(registry: Registry): Disposable {
  const { measured } = registry
  const histogram = monitorEventLoopDelay({ resolution: 20 })
  histogram.enable()
  measured('slipway_build_info', 'Which program this is; always 1.', 'gauge', () => [
    {
      labels: { version: version.version, commit: version.commit, bun: Bun.version },
      value: 1,
    },
  ])
  measured('slipway_process_start_time_seconds', 'Unix time of the start.', 'gauge', () => [
    { labels: {}, value: performance.timeOrigin / SECOND },
  ])
  measured('slipway_process_resident_memory_bytes', 'Memory in RAM.', 'gauge', () => [
    { labels: {}, value: process.memoryUsage.rss() },
  ])
  measured('slipway_process_heap_bytes', 'Memory of JavaScript objects.', 'gauge', () => [
    { labels: {}, value: process.memoryUsage().heapUsed },
  ])
  measured('slipway_process_cpu_seconds_total', 'Time on the processors.', 'counter', () => {
    const { user, system } = process.cpuUsage()
    return [
      { labels: { mode: 'user' }, value: user / MICROSECONDS },
      { labels: { mode: 'system' }, value: system / MICROSECONDS },
    ]
  })
  measured(
    'slipway_event_loop_delay_seconds',
    'How late timers were, since the last time that somebody looked.',
    'gauge',
    () => {
      const samples = delays(histogram)
      histogram.reset()
      return samples
    },
  )
  return { [Symbol.dispose]: () => void histogram.disable() }
}
