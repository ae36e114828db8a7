// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandCall, DeclaredCommand, OptionSpecs } from '../../../core/command.ts'
import { table } from '../../../core/table.ts'
import { sizeOf } from '../../../core/times.ts'
import type { OciQuotas, OciRetention } from '../../../schemas/oci-admin.ts'
import type { OciRetentionPlan } from '../../../schemas/oci-report.ts'
import { apiPath } from './admin.ts'
import { readJsonFile } from './json-file.ts'
import { planLines } from './report.ts'
import { runTask, TASK_OPTIONS } from './task.ts'

const FAILED = 1

const FROM_FILE = {
  file: { short: 'f', value: 'FILE', summary: 'JSON document; - is standard input' },
} as const satisfies OptionSpecs

async function fileOf({ flags, usage }: CommandCall): Promise<unknown> {
  const path = flags.text('file')
  if (path === undefined) throw usage('--file is needed')
  return readJsonFile(path)
}

export const retentionShowCommand: DeclaredCommand = {
  name: 'retention show',
  summary: 'which tags stay, and which nobody may move',
  about: 'With --json without `source` fields it is what `retention set` takes.',
  examples: ['slipway oci retention show'],
  async call({ client, out }) {
    const rules = await (await client()).json<OciRetention>('GET', apiPath('retention'))
    out.answer(rules, (value) => retentionLines(value, out.columns()))
    return 0
  },
}

export const retentionSetCommand: DeclaredCommand = {
  name: 'retention set',
  summary: 'replace the rules that came this way before',
  about:
    'The document is {"rules": […], "immutable": […]}; a rule is {"repositories": GLOB, "tags": GLOB,\n"keep_last": N, "keep_newer_days": N, "keep_matching": REGEX, "keep_semver": N}.',
  options: FROM_FILE,
  examples: ['slipway oci retention set -f rules.json'],
  async call(call) {
    const { client, out } = call
    const body = await fileOf(call)
    const rules = await (await client()).json<OciRetention>('PUT', apiPath('retention'), { body })
    out.answer(rules, (value) => retentionLines(value, out.columns()))
    return 0
  },
}

export const retentionPlanCommand: DeclaredCommand = {
  name: 'retention plan',
  summary: 'what the rules would remove now; nothing is touched',
  options: {
    file: {
      short: 'f',
      value: 'FILE',
      summary: 'try the rules of this document of `retention set`',
    },
  },
  examples: ['slipway oci retention plan', 'slipway oci retention plan -f rules.json --json'],
  async call(call) {
    const { client, flags, out } = call
    const body = flags.on('file') ? rulesOf(await fileOf(call)) : {}
    const path = apiPath('retention', 'plan')
    const plan = await (await client()).json<OciRetentionPlan>('POST', path, { body })
    out.answer(plan, planLines)
    return 0
  },
}

/** The same file serves `retention set`, whose document holds more. */
const rulesOf = (document: unknown) =>
  typeof document === 'object' && document !== null && 'rules' in document
    ? { rules: document.rules }
    : document

export const retentionApplyCommand: DeclaredCommand = {
  name: 'retention apply',
  summary: 'remove the tags that no rule keeps; `retention plan` shows which',
  options: { yes: { short: 'y', summary: 'do not ask' }, ...TASK_OPTIONS },
  examples: ['slipway oci retention apply --yes'],
  async call(call) {
    if (!(await call.confirmed('Remove the tags that no rule keeps?'))) return FAILED
    return runTask(call, ['retention', 'apply'], {})
  },
}

export const quotaShowCommand: DeclaredCommand = {
  name: 'quota show',
  summary: 'quotas with their use, and the room on the disk',
  examples: ['slipway oci quota show'],
  async call({ client, out }) {
    const quotas = await (await client()).json<OciQuotas>('GET', apiPath('quota'))
    out.answer(quotas, (value) => quotaLines(value, out.columns()))
    return 0
  },
}

export const quotaSetCommand: DeclaredCommand = {
  name: 'quota set',
  summary: 'replace the quotas that came this way before',
  about: 'The document is {"quotas": [{"repositories": GLOB, "limit_bytes": N}]}.',
  options: FROM_FILE,
  examples: ['slipway oci quota set -f quotas.json'],
  async call(call) {
    const { client, out } = call
    const body = await fileOf(call)
    const quotas = await (await client()).json<OciQuotas>('PUT', apiPath('quota'), { body })
    out.answer(quotas, (value) => quotaLines(value, out.columns()))
    return 0
  },
}

type Rule = OciRetention['rules'][number]

const keeps = (rule: Rule) =>
  [
    rule.keep_last === undefined ? '' : `the last ${rule.keep_last}`,
    rule.keep_newer_days === undefined ? '' : `newer than ${rule.keep_newer_days} days`,
    rule.keep_matching === undefined ? '' : `matching ${rule.keep_matching}`,
    rule.keep_semver === undefined ? '' : `the newest ${rule.keep_semver} versions`,
  ]
    .filter(Boolean)
    .join(', ')

function retentionLines({ rules, immutable }: OciRetention, width: number | undefined) {
  const rows = [
    ...rules.map((rule) => ({ ...rule, keeps: keeps(rule) })),
    ...immutable.map((rule) => ({ ...rule, keeps: 'immutable' })),
  ]
  if (rows.length === 0) return ['no rules: every tag stays']
  return table(
    rows,
    [
      { title: 'REPOSITORIES', value: ({ repositories }) => repositories },
      { title: 'TAGS', value: ({ tags }) => tags ?? '*' },
      { title: 'KEEPS', value: (row) => row.keeps, cut: true },
      { title: 'FROM', value: ({ source }) => source },
    ],
    width,
  )
}

function quotaLines({ quotas, disk }: OciQuotas, width: number | undefined): readonly string[] {
  const rows =
    quotas.length === 0
      ? ['no quotas']
      : table(
          quotas,
          [
            { title: 'REPOSITORIES', value: ({ repositories }) => repositories },
            { title: 'USED', value: ({ used_bytes }) => sizeOf(used_bytes) },
            { title: 'LIMIT', value: ({ limit_bytes }) => sizeOf(limit_bytes) },
            { title: '', value: ({ percent }) => `${Math.round(percent)} %` },
            { title: 'FROM', value: ({ source }) => source },
          ],
          width,
        )
  const room = `${sizeOf(disk.free_bytes)} of ${sizeOf(disk.total_bytes)} free`
  const full = disk.full ? ': pushes are refused' : ''
  return [...rows, `disk: ${room}, ${sizeOf(disk.reserve_bytes)} kept free${full}`]
}
