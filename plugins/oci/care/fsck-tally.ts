// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OciCheckReport, OciFinding } from '../../../schemas/oci-report.ts'

const MOST_FINDINGS = 1_000

/** Adds up what a check sees. */
export interface CheckTally {
  checked(bytes: number): void
  /** As they stand after the check: a mended one has `repaired_at`. */
  found(findings: readonly OciFinding[]): void
  readonly count: number
  readonly bytes: number
  readonly bad: number
  report(): OciCheckReport
}

export function createCheckTally(): CheckTally {
  const findings: OciFinding[] = []
  let [count, bytes, bad, repaired, seen] = [0, 0, 0, 0, 0]
  return {
    checked(more) {
      count++
      bytes += more
    },
    found(some) {
      for (const finding of some) {
        seen++
        if (finding.repaired_at !== undefined) repaired++
        // A stray file takes room and harms nobody.
        else if (finding.kind !== 'stray') bad++
        if (findings.length < MOST_FINDINGS) findings.push(finding)
      }
    },
    get count() {
      return count
    },
    get bytes() {
      return bytes
    },
    get bad() {
      return bad
    },
    report: () => ({
      ...{ kind: 'check', checked: count, checked_bytes: bytes, bad, repaired, findings },
      truncated: seen > findings.length,
    }),
  }
}
