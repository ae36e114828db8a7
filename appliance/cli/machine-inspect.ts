// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ApplianceClient } from '../../core/command.ts'
import type { JobAccepted, JobView } from '../../schemas/job.ts'
import type { MachineView } from '../../schemas/machine.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { readJsonInput } from './input.ts'
import { inventoryLines } from './inventory-lines.ts'
import { CONTROLLER_TIMEOUT_MS } from './job-create.ts'
import { followJob } from './job-feed.ts'
import { failureText } from './job-lines.ts'
import { machinePath, SERIAL } from './machine-write.ts'
import type { Output } from './output.ts'
import { failure } from './problem.ts'
import { watchJobs } from './watch.ts'

export const machineInspect: CliCommand = {
  words: ['machine', 'inspect'],
  summary: 'start the machine and let it tell what is in it; writes to no disk',
  about:
    'Takes the machine as any job does: it is switched off, starts the maintenance image, tells its\nCPU, memory, disks and network cards, and is started again from its disk.',
  arguments: [SERIAL],
  options: {
    network: {
      value: 'FILE',
      summary: 'JSON, as `network` of a recipe: where nobody gives addresses by DHCP',
    },
  },
  examples: ['slipway machine inspect XF-1', 'slipway machine inspect XF-1 --json | jq .disks'],
  async run({ args: [serial = ''], flags, out, client: open }) {
    const file = flags.text('network')
    const network = file === undefined ? {} : { network: await readJsonInput(file) }
    const client = await open()
    const { job_id } = await client.json<JobAccepted>('POST', '/api/v1/jobs', {
      body: { server_serial: serial, recipe: { task_target: 'inspect.target', ...network } },
      timeoutMs: CONTROLLER_TIMEOUT_MS,
    })
    if (!out.json) out.print(`job ${job_id} inspects ${serial}`)
    const code = out.json
      ? await waitFor(client, job_id, out)
      : await watchJobs(client, [job_id], out)
    if (code !== EXIT.ok) return code
    const { inventory } = await client.json<MachineView>('GET', machinePath(serial))
    if (inventory === undefined) {
      throw failure(
        'inspect',
        `${serial} told nothing of itself; is its maintenance image one of ours?`,
      )
    }
    out.answer(inventory, inventoryLines)
    return EXIT.ok
  },
}

/** Waits without a word: standard output is for the inventory alone. */
async function waitFor(client: ApplianceClient, id: string, out: Output): Promise<number> {
  let job: JobView | undefined
  const onTrouble = (message: string) => out.note(message)
  for await (const news of followJob(client, id, {
    signal: new AbortController().signal,
    onTrouble,
  })) {
    if (news.event === 'job') job = news.data
  }
  if (job?.result === 'succeeded') return EXIT.ok
  if (job) out.note(failureText(job))
  return job?.result === 'canceled' ? EXIT.jobCanceled : EXIT.jobFailed
}
