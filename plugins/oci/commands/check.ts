// SPDX-License-Identifier: AGPL-3.0-or-later
import { resolve } from 'node:path'
import type { CommandCall, DeclaredCommand } from '../../../core/command.ts'
import { facts } from '../../../core/table.ts'
import { localTime, sizeOf } from '../../../core/times.ts'
import type { OciScrubStatus } from '../../../schemas/oci-admin.ts'
import type { OciFindingList } from '../../../schemas/oci-report.ts'
import { checkOffline } from '../care/fsck-offline.ts'
import { isRepositoryName } from '../store/names.ts'
import { apiPath } from './admin.ts'
import { findingLine, reportLines } from './report.ts'
import { runTask, TASK_OPTIONS } from './task.ts'

const FAILED = 1

export const scrubCommand: DeclaredCommand = {
  name: 'scrub',
  summary: 'hash every object again; mend or quarantine what is damaged',
  about:
    'Goes on where the last pass stopped, at the configured rate. Exit code 1 when damage is left.',
  options: { 'from-start': { summary: 'begin a new pass' }, ...TASK_OPTIONS },
  examples: ['slipway oci scrub --from-start'],
  call: (call) => runTask(call, ['scrub'], call.flags.on('from-start') ? { from_start: true } : {}),
}

const show = async ({ client, out }: CommandCall, method: string, ...more: readonly string[]) => {
  const status = await (await client()).json<OciScrubStatus>(method, apiPath('scrub', ...more))
  out.answer(status, (value) =>
    facts([
      ['state', value.running ? 'running' : value.paused ? 'held up' : 'waiting'],
      ['this pass', `${value.checked} objects, ${sizeOf(value.checked_bytes)}`],
      ['findings', `${value.open_findings} open`],
      ['last whole pass', value.last_full_at && localTime(value.last_full_at)],
      ['next', value.next_run_at && localTime(value.next_run_at)],
      ['rate', `${sizeOf(value.rate_bytes_per_second)}/s`],
    ]),
  )
  return 0
}

export const scrubStatusCommand: DeclaredCommand = {
  name: 'scrub status',
  summary: 'where the scrub stands, and how many findings are open',
  examples: ['slipway oci scrub status'],
  call: (call) => show(call, 'GET'),
}

export const scrubPauseCommand: DeclaredCommand = {
  name: 'scrub pause',
  summary: 'hold the scrub up until `scrub resume`',
  examples: ['slipway oci scrub pause'],
  call: (call) => show(call, 'POST', 'pause'),
}

export const scrubResumeCommand: DeclaredCommand = {
  name: 'scrub resume',
  summary: 'let the scrub go on',
  examples: ['slipway oci scrub resume'],
  call: (call) => show(call, 'POST', 'resume'),
}

export const findingsCommand: DeclaredCommand = {
  name: 'findings',
  summary: 'what was found damaged, and what became of it',
  options: {
    state: { value: 'STATE', choices: ['open', 'repaired'], summary: 'only these' },
  },
  examples: ['slipway oci findings --state open'],
  async call({ client, flags, out }) {
    const query = { state: flags.text('state'), limit: '100' }
    const path = apiPath('findings')
    const list = await (await client()).json<OciFindingList>('GET', path, { query })
    out.answer(list, ({ findings }) =>
      findings.length === 0 ? ['no findings'] : findings.map(findingLine),
    )
    return 0
  },
}

export const fsckCommand: DeclaredCommand = {
  name: 'fsck',
  summary: 'compare files, database and digests of the registry once, at full speed',
  about:
    'Exit code 1 when damage is left. With --offline it reads the data folder of an appliance that does not run, and changes nothing.',
  options: {
    offline: { value: 'DIR', summary: 'data folder of an appliance that is down' },
    repair: { summary: 'mend what can be mended from what is here' },
    'no-content': { summary: 'do not hash the content again: quicker, and blind for flipped bits' },
    ...TASK_OPTIONS,
  },
  examples: [
    'slipway oci fsck',
    'slipway oci fsck --repair',
    'slipway oci fsck --offline /var/lib/slipway',
  ],
  async call(call) {
    const { flags, out } = call
    const folder = flags.text('offline')
    if (folder === undefined) {
      return runTask(call, ['fsck'], {
        ...(flags.on('repair') ? { repair: true } : {}),
        ...(flags.on('no-content') ? { content: false } : {}),
      })
    }
    if (flags.on('repair')) throw call.usage('--repair needs an appliance that runs')
    const report = await checkOffline(resolve(folder), { content: !flags.on('no-content') })
    out.answer(report, (value) => reportLines(value))
    return report.bad > 0 ? FAILED : 0
  },
}

export const rescanCommand: DeclaredCommand = {
  name: 'rescan',
  summary: 'take over OCI layouts that were put into the data folder of the registry',
  arguments: [{ name: 'REPO', summary: 'only this repository', optional: true }],
  options: TASK_OPTIONS,
  examples: ['slipway oci rescan os/debian'],
  call(call) {
    const [repository] = call.args
    if (repository !== undefined && !isRepositoryName(repository)) {
      throw call.usage(`\`${repository}\` is no repository`)
    }
    return runTask(call, ['rescan'], repository === undefined ? {} : { repository })
  },
}

export const rebuildCommand: DeclaredCommand = {
  name: 'rebuild',
  summary: 'fill the database of the registry anew from what lies on the disk',
  about: 'For a database that was lost. The layouts on the disk win over what the database says.',
  options: { yes: { short: 'y', summary: 'do not ask' }, ...TASK_OPTIONS },
  examples: ['slipway oci rebuild --yes'],
  async call(call) {
    if (!(await call.confirmed('Let the disk win over the database?'))) return FAILED
    return runTask(call, ['rebuild'], {})
  },
}
