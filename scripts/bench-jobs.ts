// SPDX-License-Identifier: AGPL-3.0-or-later
/** Many jobs at once: `scripts/bench jobs [--machines N] [--concurrency N] [--answer-ms N] [--json]`. */
import { parseArgs } from 'node:util'
import { benchJobs } from '../test/bench/jobs.ts'
import { executable } from '../test/binary/executable.ts'

/** About 1 MiB: the smallest medium that has all parts of a bootable one. */
const ISO_BYTES = 1_228_800

const { values } = parseArgs({
  options: {
    machines: { type: 'string', default: '500' },
    concurrency: { type: 'string' },
    'answer-ms': { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
})
const figures = await benchJobs({
  machines: Number(values.machines),
  concurrency: Number(values.concurrency ?? values.machines),
  answerMs: Number(values['answer-ms']),
  isoBytes: ISO_BYTES,
  command: [executable()],
})
if (values.json) console.log(JSON.stringify(figures))
else {
  console.log('| what | figure |\n|---|---|')
  for (const [name, value] of Object.entries(figures)) {
    console.log(`| ${name.replaceAll('_', ' ')} | ${value} |`)
  }
}
const whole = figures.succeeded === figures.machines
process.exit(whole && figures.sessions_left === 0 && figures.images_left === 0 ? 0 : 1)
