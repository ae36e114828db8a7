// SPDX-License-Identifier: AGPL-3.0-or-later
/** The registry beside others: `scripts/bench oci [--quick] [--mib N] [--rounds N] [--against NAME=URL] [--only NAME] [--json]`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchOci } from '../test/bench/oci.ts'
import { judgeAims } from '../test/bench/oci-aims.ts'
import { tableOf } from '../test/bench/oci-table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    mib: { type: 'string' },
    rounds: { type: 'string' },
    against: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', multiple: true, default: [] },
    source: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const against = new Map(
  values.against.map((text) => {
    const at = text.indexOf('=')
    return [text.slice(0, at), text.slice(at + 1).replace(/\/$/, '')] as const
  }),
)
const mib = Number(values.mib ?? (values.quick ? 512 : 2_048))
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
if (!(mib >= 4 && mib % 4 === 0 && rounds >= 1)) {
  console.error('scripts/bench oci: --mib takes a multiple of 4, --rounds a whole number')
  process.exit(2)
}
const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-oci-'))
const result = await benchOci({
  ...{ folder, rounds, against, only: values.only, built: !values.source },
  sizeBytes: mib * 1_048_576,
  seconds: values.quick ? 2 : 5,
  smallCount: values.quick ? 1_000 : 3_000,
  tell: (line) => console.error(line),
}).finally(() => rm(folder, { recursive: true, force: true }))

const aims = judgeAims(result)
if (values.json) {
  console.log(
    JSON.stringify({ mib, rounds, disk: result.disk, ...Object.fromEntries(result.samples), aims }),
  )
} else {
  console.log(`medians of ${rounds}, large blobs of ${mib} MiB\n`)
  console.log(tableOf(result))
  console.log('\n| aim | ours | to beat | |\n|---|---|---|---|')
  for (const { aim, ours, bar, met } of aims) {
    console.log(`| ${aim} | ${ours.toFixed(1)} | ${bar.toFixed(1)} | ${met ? 'met' : 'missed'} |`)
  }
}
