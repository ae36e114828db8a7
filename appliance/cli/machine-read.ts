// SPDX-License-Identifier: AGPL-3.0-or-later

import { type Column, facts, table } from '../../core/table.ts'
import { ago, localTime } from '../../core/times.ts'
import { SECOND } from '../../core/units.ts'
import type { MachineList, MachineView, SurveyView } from '../../schemas/machine.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { inventoryLines } from './inventory-lines.ts'
import { CONTROLLER_TIMEOUT_MS } from './job-create.ts'
import { machinePath, SERIAL } from './machine-write.ts'
import { LIST_OPTIONS, readPages } from './page.ts'

/** So often a long wait is told. */
const STILL_MS = 10 * SECOND

function stateOf(machine: MachineView): string {
  return [
    machine.protected ? 'protected' : '',
    machine.cleanup_pending ? 'cleanup pending' : '',
    machine.survey ? '' : 'not probed',
  ]
    .filter(Boolean)
    .join(', ')
}

const modelOf = ({ survey }: MachineView) =>
  survey ? [survey.vendor, survey.model].filter(Boolean).join(' ') : ''

const labelsOf = ({ labels }: MachineView) =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')

const COLUMNS: readonly Column<MachineView>[] = [
  { title: 'SERIAL', value: ({ serial }) => serial },
  { title: 'BMC', value: ({ bmc_url }) => bmc_url },
  { title: 'JOB', value: ({ active_job }) => active_job ?? '' },
  { title: 'STATE', value: stateOf, cut: true },
  { title: 'MODEL', value: modelOf, cut: true },
  { title: 'LABELS', value: labelsOf, cut: true },
]

export const machineList: CliCommand = {
  words: ['machine', 'list'],
  summary: 'known machines',
  options: {
    label: { value: 'K=V', repeat: true, summary: 'only those with this label' },
    ...LIST_OPTIONS,
  },
  examples: ['slipway machine list --label rack=a12', 'slipway machine list --all --json'],
  async run({ flags, out, client: open }) {
    const query = { label: flags.list('label') }
    const { items, ...rest } = await readPages<MachineList, MachineView>(
      await open(),
      '/api/v1/machines',
      query,
      flags,
      (page) => page.machines,
    )
    out.answer({ machines: items, ...rest }, ({ machines }) =>
      machines.length === 0 ? ['no machines'] : table(machines, COLUMNS, out.columns()),
    )
    if (rest.next_cursor && !out.json) out.note('there are more: --limit N or --all')
    return EXIT.ok
  },
}

export const machineShow: CliCommand = {
  words: ['machine', 'show'],
  summary: 'all that is known of a machine',
  arguments: [SERIAL],
  examples: ['slipway machine show XF-1', 'slipway machine show XF-1 --json | jq .inventory'],
  async run({ args: [serial = ''], out, client: open }) {
    const machine = await (await open()).json<MachineView>('GET', machinePath(serial))
    out.answer(machine, () => machinePage(machine, Date.now()))
    return EXIT.ok
  },
}

export const machineProbe: CliCommand = {
  words: ['machine', 'probe'],
  summary: 'read the controller: model, firmware, slots, media plan, warnings; changes nothing',
  arguments: [SERIAL],
  examples: ['slipway machine probe XF-1'],
  async run({ args: [serial = ''], out, client: open }) {
    const client = await open()
    const machine = await client.json<MachineView>('GET', machinePath(serial))
    if (!out.json) out.note(`asking the controller at ${machine.bmc_url} …`)
    const started = performance.now()
    const waiting = setInterval(() => {
      const seconds = Math.round((performance.now() - started) / SECOND)
      if (!out.json) out.note(`still reading the controller, ${seconds} s: slow ones need a minute`)
    }, STILL_MS)
    try {
      const survey = await client.json<SurveyView>('POST', `${machinePath(serial)}/probe`, {
        timeoutMs: CONTROLLER_TIMEOUT_MS,
      })
      out.answer(survey, surveyLines)
    } finally {
      clearInterval(waiting)
    }
    return EXIT.ok
  },
}

const indented = (line: string) => `  ${line}`

function machinePage(machine: MachineView, now: number): readonly string[] {
  const { tls, survey } = machine
  return [
    ...facts([
      ['machine', machine.serial],
      ['aliases', machine.aliases.join(', ')],
      ['bmc', machine.bmc_url],
      ['bmc login', machine.username],
      ['bmc certificate', [tls.mode, tls.fingerprint].filter(Boolean).join(' ')],
      ['system', machine.system_uri],
      ['labels', labelsOf(machine)],
      ['protected', machine.protected ? 'yes: jobs are refused' : ''],
      ['media plan', machine.media_plan],
      ['media from', machine.media_base_url],
      ['reports to', machine.report_base_urls?.join(', ')],
      ['job', machine.active_job],
      ['cleanup', machine.cleanup_pending ? 'pending' : ''],
      ['changed', `${localTime(machine.updated_at)} (${ago(machine.updated_at, now)})`],
    ]),
    ...(machine.inventory === undefined
      ? []
      : ['', 'Inside, as it told itself:', ...inventoryLines(machine.inventory).map(indented)]),
    '',
    ...(survey
      ? ['Controller, as last probed:', ...surveyLines(survey).map((line) => `  ${line}`)]
      : [`not probed yet: slipway machine probe ${machine.serial}`]),
  ]
}

function surveyLines(survey: SurveyView): readonly string[] {
  const { boot_override: boot } = survey
  return [
    ...facts([
      ['controller', [survey.vendor, survey.model].filter(Boolean).join(' ')],
      ['firmware', survey.firmware],
      ['redfish', survey.redfish_version],
      ['profile', `${survey.profile} (${survey.profile_because})`],
      ['changes', survey.profile_changes.join('; ')],
      ['power', survey.power],
      ['serial', survey.serial],
      ['uuid', survey.uuid],
      ['aliases', survey.aliases.join(', ')],
      ['system', survey.system_uri],
      ['media plan', [survey.media_plan, survey.media_plan_reason].filter(Boolean).join(': ')],
      ['boot target', survey.boot_target],
      ['boot override', boot ? `${boot.enabled}, ${boot.target}` : ''],
    ]),
    ...survey.drives.map(
      ({ id, owner, media_types, inserted, image }) =>
        `drive ${id} (${owner}; ${media_types.join(', ') || 'any media'}): ${inserted ? (image ?? 'inserted') : 'empty'}`,
    ),
    ...survey.warnings.map((warning) => `warning: ${warning}`),
  ]
}
