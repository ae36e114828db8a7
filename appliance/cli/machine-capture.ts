// SPDX-License-Identifier: AGPL-3.0-or-later
import { rename, rm, writeFile } from 'node:fs/promises'
import { MINUTE } from '../../core/units.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { machinePath, SERIAL } from './machine-write.ts'
import { usageProblem } from './problem.ts'

/** Hundreds of resources, from controllers that take a second for each. */
const CAPTURE_TIMEOUT_MS = 12 * MINUTE

export const machineCapture: CliCommand = {
  words: ['machine', 'capture'],
  summary: 'the controller’s resources in one file, with all that names the unit replaced',
  about:
    'Nothing but GETs is sent. Serials, UUIDs, addresses, names of hosts, places and people are replaced, the same by the same; secrets are removed. Look it through before you send it to anyone. The simulator plays it: slipway simulator --machine ./FILE.json',
  arguments: [SERIAL],
  options: {
    output: { short: 'o', value: 'FILE', summary: 'where it goes; - is standard output' },
  },
  examples: [
    'slipway machine capture XF-1 -o capture.json && slipway simulator --machine ./capture.json',
  ],
  async run({ args: [serial = ''], flags, out, client: open }) {
    const file = flags.text('output')
    if (file === undefined) throw usageProblem('--output is needed', 'slipway machine capture')
    const client = await open()
    const answer = await client.request('POST', `${machinePath(serial)}/capture`, {
      timeoutMs: CAPTURE_TIMEOUT_MS,
    })
    if (file === '-') {
      out.raw(await answer.text())
      return EXIT.ok
    }
    const text = await answer.text()
    // Under its name only when it is whole.
    const unfinished = `${file}.part`
    try {
      await writeFile(unfinished, text, { mode: 0o600 })
      await rename(unfinished, file)
    } finally {
      await rm(unfinished, { force: true })
    }
    const resources = Object.keys(JSON.parse(text) as object).length - 1
    out.answer({ file, resources }, () => [`${resources} resources in ${file}`])
    return EXIT.ok
  },
}
