// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandCall, DeclaredCommand } from '../../../core/command.ts'
import { facts } from '../../../core/table.ts'
import { localTime } from '../../../core/times.ts'
import { type OciGcStatus, UNTAGGED } from '../../../schemas/oci-admin.ts'
import { apiPath } from './admin.ts'
import { runTask, TASK_OPTIONS } from './task.ts'

export const gcCommand: DeclaredCommand = {
  name: 'gc',
  summary: 'collect garbage now: blobs and manifests that nothing needs any more',
  about:
    'Pushes and pulls go on meanwhile. With --dry-run it says what would go, and touches nothing.',
  options: {
    'dry-run': { summary: 'only say what would go' },
    grace: { value: 'SECONDS', summary: 'spare what is younger (default: as configured)' },
    untagged: {
      value: 'WHAT',
      choices: UNTAGGED,
      summary: 'collect or keep manifests without a tag (default: as configured)',
    },
    ...TASK_OPTIONS,
  },
  examples: ['slipway oci gc --dry-run', 'slipway oci gc --grace 0'],
  async call(call) {
    const { flags, usage } = call
    const grace = flags.text('grace')
    if (grace !== undefined && !/^\d{1,8}$/.test(grace))
      throw usage('--grace is a number of seconds')
    const untagged = flags.text('untagged')
    return runTask(call, ['gc'], {
      ...(flags.on('dry-run') ? { dry_run: true } : {}),
      ...(grace === undefined ? {} : { grace_seconds: Number(grace) }),
      ...(untagged === undefined ? {} : { untagged }),
    })
  },
}

const show = async ({ client, out }: CommandCall, method: string, ...more: readonly string[]) => {
  const status = await (await client()).json<OciGcStatus>(method, apiPath('gc', ...more))
  out.answer(status, (value) =>
    facts([
      [
        'state',
        value.running ? 'running' : value.paused ? `held up by ${value.paused_by}` : 'waiting',
      ],
      ['next', value.next_run_at && localTime(value.next_run_at)],
      ['spares', `what is younger than ${value.grace_seconds} s`],
      ['untagged', value.untagged],
    ]),
  )
  return 0
}

export const gcStatusCommand: DeclaredCommand = {
  name: 'gc status',
  summary: 'when garbage is collected next, and whether it is held up',
  examples: ['slipway oci gc status'],
  call: (call) => show(call, 'GET'),
}

export const gcPauseCommand: DeclaredCommand = {
  name: 'gc pause',
  summary: 'hold the garbage collection up until `gc resume`',
  examples: ['slipway oci gc pause'],
  call: (call) => show(call, 'POST', 'pause'),
}

export const gcResumeCommand: DeclaredCommand = {
  name: 'gc resume',
  summary: 'let the garbage collection go on',
  examples: ['slipway oci gc resume'],
  call: (call) => show(call, 'POST', 'resume'),
}
