// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Flags } from '../../core/command.ts'
import { facts } from '../../core/table.ts'
import { MINUTE } from '../../core/units.ts'
import type { DryRunView, JobAccepted } from '../../schemas/job.ts'
import type { Client } from './client.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { readJsonInput } from './input.ts'
import type { Output } from './output.ts'
import { failure, usageProblem } from './problem.ts'
import { watchJobs } from './watch.ts'

/** A dry run and a probe talk to the controller, and that may be slow. */
export const CONTROLLER_TIMEOUT_MS = 5 * MINUTE

export const jobCreate: CliCommand = {
  words: ['job', 'create'],
  summary: 'provision a machine by a recipe',
  about:
    'FILE holds a recipe, or a whole request with server_serial and recipe.\nWith --watch the exit code tells how the job ended.',
  options: {
    file: { short: 'f', value: 'FILE', summary: 'recipe or request, JSON; - for standard input' },
    serial: { value: 'SERIAL', summary: 'the machine (or in FILE as server_serial)' },
    'dry-run': { summary: 'check recipe, machine, media plan and images; make nothing' },
    watch: { short: 'w', summary: 'stay and show how it goes' },
    'idempotency-key': { value: 'KEY', summary: 'the same key again gives the same job' },
    'take-over': { summary: 'eject another appliance’s image instead of refusing' },
  },
  examples: [
    'slipway job create -f recipe.json --serial XF-1 --watch',
    'slipway job create -f request.json --dry-run',
    'jq .recipe order.json | slipway job create -f - --serial XF-1 --json',
  ],
  async run({ flags, out, client: open }) {
    const request = await requestOf(flags)
    const client = await open()
    if (flags.on('dry-run')) return dryRun(client, request, out)
    const key = flags.text('idempotency-key')
    const accepted = await client.json<JobAccepted>('POST', '/api/v1/jobs', {
      body: request,
      headers: key === undefined ? {} : { 'idempotency-key': key },
      timeoutMs: CONTROLLER_TIMEOUT_MS,
    })
    return sayAccepted(client, accepted, flags, out)
  },
}

/** Says that a job was made, and watches it when that is wanted. */
export async function sayAccepted(
  client: Client,
  accepted: JobAccepted,
  flags: Flags,
  out: Output,
): Promise<number> {
  for (const warning of accepted.warnings ?? []) out.note(`warning: ${warning}`)
  if (!flags.on('watch')) {
    out.answer(accepted, () => [
      `job ${accepted.job_id} for ${accepted.server_serial} is ${accepted.status}`,
    ])
    return EXIT.ok
  }
  if (out.json) {
    out.raw(`${JSON.stringify({ event: 'accepted', job_id: accepted.job_id, data: accepted })}\n`)
  } else out.print(`job ${accepted.job_id} for ${accepted.server_serial}`)
  return watchJobs(client, [accepted.job_id], out)
}

async function requestOf(flags: Flags): Promise<unknown> {
  const file = flags.text('file')
  if (file === undefined) throw usageProblem('job create needs -f FILE', 'slipway job create')
  const document = await readJsonInput(file)
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw failure('recipe', `${file === '-' ? 'standard input' : file} is no JSON object`)
  }
  const whole = 'recipe' in document
  const request: Record<string, unknown> = whole ? { ...document } : { recipe: document }
  const serial = flags.text('serial')
  const inFile = request['server_serial']
  if (serial !== undefined && inFile !== undefined && inFile !== serial) {
    throw usageProblem(`--serial ${serial} is not the server_serial of ${file}`)
  }
  if (serial !== undefined) request['server_serial'] = serial
  if (request['server_serial'] === undefined) {
    throw usageProblem('which machine? --serial SERIAL', 'slipway job create')
  }
  return flags.on('take-over') ? { ...request, take_over: true } : request
}

async function dryRun(client: Client, request: unknown, out: Output): Promise<number> {
  const view = await client.json<DryRunView>('POST', '/api/v1/jobs', {
    body: request,
    query: { dry_run: 'true' },
    timeoutMs: CONTROLLER_TIMEOUT_MS,
  })
  out.answer(view, (answer) => [
    'this job would be accepted; nothing was made',
    ...facts([
      ['machine', answer.server_serial],
      ['task target', answer.task_target],
      ['media plan', answer.media_plan],
      ['because', answer.media_plan_reason],
      ['files', answer.files.join(', ')],
    ]),
    ...answer.warnings.map((warning) => `warning: ${warning}`),
  ])
  return EXIT.ok
}
