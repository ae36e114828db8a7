// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OciGcStatus, OciScrubStatus, OciTask } from '../../../schemas/oci-admin.ts'
import type { OciFinding, OciReport } from '../../../schemas/oci-report.ts'

/** What one caller may be told of reports: counts are for everybody, names for who may list them. */
export interface Eyes {
  /** The caller is an admin: nothing is hidden. */
  readonly all: boolean
  mayList(repository: string): boolean
}

interface Named {
  readonly repository?: string
}

/** Of entries that name no repository the words may: a path, say. Those are for admins. */
const seenOf = <T extends Named>(entries: readonly T[], { all, mayList }: Eyes): T[] =>
  entries.filter(({ repository }) => all || (repository !== undefined && mayList(repository)))

/** Of a finding about an object alone the digest is all that is told. */
export const findingsFor = (eyes: Eyes, findings: readonly OciFinding[]): OciFinding[] =>
  findings.filter((finding) => {
    const { repository, digest, kind } = finding
    if (repository === undefined && digest !== undefined && kind !== 'stray') return true
    return seenOf([finding], eyes).length > 0
  })

function reportFor(eyes: Eyes, report: OciReport): OciReport {
  switch (report.kind) {
    case 'gc':
      return { ...report, items: seenOf(report.items, eyes) }
    case 'retention':
      return { ...report, remove: seenOf(report.remove, eyes), keep: seenOf(report.keep, eyes) }
    case 'check':
      return { ...report, findings: findingsFor(eyes, report.findings) }
    case 'rescan':
      return { ...report, refused: eyes.all ? report.refused : [] }
  }
}

/** The task without what the caller may not see of repositories. */
export function taskFor(eyes: Eyes, task: OciTask): OciTask {
  if (eyes.all) return task
  const { at, ...progress } = task.progress
  const shown = at !== undefined && (progress.unit === 'blobs' || eyes.mayList(at))
  // What went wrong may name a repository.
  const { error, result, ...rest } = task
  return {
    ...{ ...rest, progress: { ...progress, ...(shown ? { at } : {}) } },
    ...(error === undefined ? {} : { error: 'the task failed: an admin sees why' }),
    ...(result === undefined ? {} : { result: reportFor(eyes, result) }),
  }
}

/** The status of the collection or the scrub, likewise. */
export function statusFor<S extends OciGcStatus | OciScrubStatus>(eyes: Eyes, status: S): S {
  const { running } = status
  const last = 'last' in status ? status.last : undefined
  return {
    ...status,
    ...(running ? { running: taskFor(eyes, running) } : {}),
    ...(last ? { last: reportFor(eyes, last) } : {}),
  }
}
