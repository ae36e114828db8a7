// SPDX-License-Identifier: AGPL-3.0-or-later
/** Durable writes of the database: `scripts/bench store [--seconds N] [--folder PATH] [--json]`. */
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { benchStore } from '../test/bench/store.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
})
const figures = await benchStore(values.folder, Number(values.seconds))
if (values.json) console.log(JSON.stringify(figures))
else {
  console.log('| writers | writes a second | p99 ms | of what the disk syncs |\n|---|---|---|---|')
  for (const { writers, per_second, p99_ms, ratio } of figures) {
    console.log(`| ${writers} | ${per_second} | ${p99_ms} | ${ratio} × |`)
  }
}
