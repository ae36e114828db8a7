// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '../../core/retry.ts'
import { localTime } from '../../core/times.ts'
import { SECOND } from '../../core/units.ts'
import type { JobView } from '../../schemas/job.ts'
import type { Client } from './client.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { eventText } from './job-lines.ts'
import { JOB_OR_SERIAL, jobId } from './job-lookup.ts'
import type { Output } from './output.ts'
import { readServerEvents } from './server-events.ts'

/** A line of GET /api/v1/jobs/{id}/log. */
interface LogLine {
  readonly time: string
  readonly level: string
  readonly step?: string
  readonly source?: 'appliance' | 'machine'
  readonly message: string
}

export const jobLog: CliCommand = {
  words: ['job', 'log'],
  summary: 'what appliance and machine wrote about a job',
  arguments: [JOB_OR_SERIAL],
  options: { follow: { short: 'f', summary: 'stay until the job is complete' } },
  examples: ['slipway job log XF-1', 'slipway job log -f XF-1 | grep -v " info "'],
  async run({ args: [word = ''], flags, out, client: open }) {
    const client = await open()
    const path = `/api/v1/jobs/${await jobId(client, word)}`
    if (flags.on('follow')) return follow(client, path, out)
    const log = await client.json<{ lines: readonly LogLine[] }>('GET', `${path}/log`)
    out.answer(log, ({ lines }) => lines.map(lineText))
    return EXIT.ok
  },
}

function lineText(line: LogLine): string {
  const from = line.source === undefined ? '' : `${line.source} `
  return `${localTime(line.time)} ${from}${line.level} ${eventText({ ...line, level: 'info' })}`
}

/** Lines as they come, each once; a stream that is cut is taken up where it was. */
async function follow(client: Client, path: string, out: Output): Promise<number> {
  let lastEventId = ''
  for (;;) {
    const response = await client.request('GET', `${path}/log`, {
      query: { follow: 'true' },
      headers: {
        accept: 'text/event-stream',
        ...(lastEventId ? { 'last-event-id': lastEventId } : {}),
      },
    })
    try {
      for await (const { event, data, id } of readServerEvents(response.body ?? empty())) {
        if (event === 'end') return EXIT.ok
        lastEventId = id
        if (event !== 'log') continue
        const line = JSON.parse(data) as LogLine
        if (out.json) out.raw(`${JSON.stringify(line)}\n`)
        else out.print(lineText(line))
      }
    } catch (error) {
      if (error instanceof SyntaxError) throw error
      out.note(`slipway: the connection was cut (${(error as Error).message}); trying again`)
    }
    const job = await client.json<JobView>('GET', path)
    if (job.status === 'complete') return EXIT.ok
    await sleep(SECOND)
  }
}

const empty = () => new Response('').body ?? new ReadableStream<Uint8Array>()
