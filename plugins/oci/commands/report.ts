// SPDX-License-Identifier: AGPL-3.0-or-later
import { sizeOf } from '../../../core/times.ts'
import type {
  OciCheckReport,
  OciFinding,
  OciGcReport,
  OciReport,
  OciRescanReport,
  OciRetentionPlan,
} from '../../../schemas/oci-report.ts'

/** A report of the registry's care, for people. */
export function reportLines(report: OciReport): readonly string[] {
  if (report.kind === 'gc') return gcLines(report)
  if (report.kind === 'retention') return planLines(report)
  return report.kind === 'check' ? checkLines(report) : rescanLines(report)
}

const counted = (pairs: readonly (readonly [count: number, one: string, many?: string])[]) =>
  pairs
    .filter(([count]) => count > 0)
    .map(([count, one, many]) => `${count} ${count === 1 ? one : (many ?? `${one}s`)}`)
    .join(', ')

const cut = (truncated: boolean) => (truncated ? ['… and more; --json has no more either'] : [])

function gcLines(report: OciGcReport): readonly string[] {
  const what = counted([
    [report.manifests, 'manifest'],
    [report.tags, 'signature tag'],
    [report.links, 'link'],
    [report.blobs, 'blob'],
    [report.uploads, 'upload'],
    [report.repositories, 'empty repository', 'empty repositories'],
  ])
  const verb = report.dry_run ? 'would take' : 'took'
  const items = report.items.map(
    ({ kind, repository, name, size_bytes, why }) =>
      `  ${kind}  ${[repository, name].filter(Boolean).join(' ')}  ${sizeOf(size_bytes)}  ${why}`,
  )
  if (what === '') return ['no garbage']
  return [
    ...items,
    ...cut(report.truncated),
    `${verb} ${what}: ${sizeOf(report.reclaimable_bytes)}`,
  ]
}

export function planLines(report: OciRetentionPlan): readonly string[] {
  const removed = report.remove.map(
    ({ repository, tag, digest, rule }) => `  ${repository}:${tag}  ${digest}  by rule ${rule + 1}`,
  )
  return [
    ...removed,
    ...cut(report.truncated),
    `${report.removed} to remove, ${report.kept} kept by rules`,
  ]
}

export const findingLine = (one: OciFinding) =>
  [
    `  ${one.kind}`,
    one.repository ?? '',
    one.digest ?? '',
    one.detail,
    one.repaired_at
      ? `mended by ${one.repaired_by ?? 'hand'}`
      : one.quarantined
        ? 'quarantined'
        : '',
  ]
    .filter(Boolean)
    .join('  ')

const checkLines = (report: OciCheckReport): readonly string[] => [
  ...report.findings.map(findingLine),
  ...cut(report.truncated),
  `${report.checked} checked (${sizeOf(report.checked_bytes)}), ${report.bad} damaged, ${report.repaired} mended`,
]

const rescanLines = (report: OciRescanReport): readonly string[] => [
  `took over ${
    counted([
      [report.repositories, 'repository', 'repositories'],
      [report.tags, 'tag'],
      [report.manifests, 'manifest'],
      [report.blobs, 'blob'],
    ]) || 'nothing'
  } (${sizeOf(report.adopted_bytes)}); ${report.to_verify} files are checked in the background`,
]
