// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BmcExchange } from '../../core/jobs/bmc.ts'
import { timeOfDay } from '../../core/times.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { JOB_OR_SERIAL, jobId } from './job-lookup.ts'

type Line = Omit<BmcExchange, 'at'> & { readonly at: string }

export const jobTranscript: CliCommand = {
  words: ['job', 'transcript'],
  summary: 'every request to the controller in a job and its answer, secrets removed',
  arguments: [JOB_OR_SERIAL],
  examples: [
    'slipway job transcript XF-1',
    'slipway job transcript XF-1 --json > for-the-vendor.jsonl',
  ],
  async run({ args: [word = ''], out, client: open }) {
    const client = await open()
    const path = `/api/v1/jobs/${await jobId(client, word)}/transcript`
    const text = await (await client.request('GET', path)).text()
    if (out.json) {
      out.raw(text)
      return EXIT.ok
    }
    for (const line of text.split('\n').filter(Boolean)) {
      for (const shown of exchangeLines(JSON.parse(line) as Line)) out.print(shown)
    }
    return EXIT.ok
  },
}

/** The request, then what came of it, indented. */
function exchangeLines({ at, ms, method, path, sent, status, answer, error }: Line) {
  const end = status === undefined ? `no answer: ${error}` : `${status}`
  return [
    `${timeOfDay(at)}  ${method} ${path}  ${end}  (${ms} ms)`,
    ...(sent ? [`    > ${sent}`] : []),
    ...(answer ? [`    < ${answer.replaceAll(/\s*\n\s*/g, ' ')}`] : []),
  ]
}
