// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { ControllerIdentity, ControllerProfile } from '../../core/jobs/controller.ts'
import { didYouMean } from '../../core/nearest.ts'
import { isOlder } from '../../core/versions.ts'
import { ProfileFile, ProfileMatch, ProfileRules } from '../../schemas/controller-profile.ts'
import { redfishFaults } from './faults.ts'

/** Answers for the controllers that it knows, as a tap of the `profile` hook does. */
export type Knows = (identity: ControllerIdentity) => ControllerProfile | undefined

const KEYS = [ProfileFile, ProfileRules, ProfileMatch.pipe[0]].flatMap(({ entries }) =>
  Object.keys(entries),
)

/** `my.json: rules.bootTraget is not known; did you mean …`. */
function problem(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? ''
  const key = String(issue.path?.at(-1)?.key ?? '')
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return `${path} is no key of a profile${didYouMean(key, KEYS)}`
  if (issue.type === 'strict_object' && issue.received === 'undefined') return `${path} is missing`
  return `${path || 'it'}: ${issue.message}`
}

/** The profile that a file holds. Throws `redfish.profile`, naming the file and each key that is wrong. */
export function readProfile(value: unknown, source: string): ProfileFile {
  const parsed = v.safeParse(ProfileFile, value)
  if (parsed.success) return parsed.output
  throw redfishFaults.profile(
    `The profile ${source} can not be used: ${parsed.issues.map(problem).join('; ')}.`,
  )
}

const firmwareOf = ({ managerFirmware }: ControllerIdentity) =>
  /\d+(\.\d+)+/.exec(managerFirmware)?.[0] ?? ''

/** What holds, in words; undefined as soon as something does not. */
function holds(match: ProfileMatch, identity: ControllerIdentity): string | undefined {
  const { oem, firmwareFrom, firmwareBelow, ...fields } = match
  const said: string[] = []
  for (const [name, pattern] of Object.entries(fields)) {
    const value = identity[name as keyof typeof fields]
    if (!new RegExp(pattern, 'i').test(value)) return undefined
    said.push(`${name} ${value}`)
  }
  const key = oem && identity.oem.find((one) => new RegExp(oem, 'i').test(one))
  if (oem && !key) return undefined
  if (key) said.push(`OEM key ${key}`)
  const firmware = firmwareOf(identity)
  if (firmwareFrom && isOlder(firmware, firmwareFrom)) return undefined
  if (firmwareBelow && !isOlder(firmware, firmwareBelow)) return undefined
  if (firmwareFrom || firmwareBelow) said.push(`firmware ${firmware || 'unknown'}`)
  return said.join(', ')
}

/** A tap over one file's data. `source` is said to people. */
export const knows =
  ({ name, match, rules }: ProfileFile, source: string): Knows =>
  (identity) => {
    const facts = match.map((one) => holds(one, identity)).find((one) => one !== undefined)
    return facts === undefined ? undefined : { name, because: `${source}: ${facts}`, rules }
  }
