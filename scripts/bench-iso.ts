// SPDX-License-Identifier: AGPL-3.0-or-later
/** Images beside other programs: `scripts/bench iso [--runs N] [--mib N] [--readers N] [--json]`. */
import { parseArgs } from 'node:util'
import { benchIso } from '../test/bench/iso.ts'
import { benchReaders } from '../test/bench/readers.ts'
import { executable } from '../test/binary/executable.ts'

const MiB = 1_048_576
/** What each reader takes: long enough that starting it does not count. */
const STRETCH_BYTES = 32 * MiB

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    mib: { type: 'string', default: '700' },
    readers: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
  },
})
const largeBytes = Number(values.mib) * MiB
const command = [executable()]
const making = await benchIso(command, { largeBytes, runs: Number(values.runs) })
const readers = Number(values.readers)
const reading = await benchReaders(command, {
  ...{ readers, isoBytes: largeBytes },
  stretch: Math.min(STRETCH_BYTES, largeBytes / 2),
})
if (values.json) console.log(JSON.stringify({ making, reading }))
else {
  const mb = (bytes: number) => `${(bytes / 1_000_000).toFixed(0)} MB`
  console.log(
    '| image | by | what is timed | ms | peak | their time / ours | their memory / ours |',
  )
  console.log('|---|---|---|---|---|---|---|')
  for (const { image, by, does, ms, peak_rss_bytes, times = '', memory_times = '' } of making) {
    const figures = [ms, mb(peak_rss_bytes), times, memory_times]
    console.log(`| ${[image, by, does, ...figures].join(' | ')} |`)
  }
  const { ours_ms, nginx_ms, ratio, ours_peak_rss_bytes, nginx_peak_rss_bytes } = reading
  console.log(
    `\n${readers} readers, ${mb(reading.read_bytes)} of one composed image: slipway ${ours_ms} ms`,
  )
  console.log(
    `(${mb(ours_peak_rss_bytes)}), nginx ${nginx_ms} ms (${mb(nginx_peak_rss_bytes)}); ratio ${ratio}`,
  )
}
