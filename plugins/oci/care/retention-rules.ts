// SPDX-License-Identifier: AGPL-3.0-or-later
import { DAY } from '../../../core/units.ts'
import type { OciRetentionRule } from '../../../schemas/oci-admin.ts'
import type { KEPT_WHY } from '../../../schemas/oci-report.ts'
import { createGlob } from './care-glob.ts'
import { compareVersions, versionOf } from './retention-versions.ts'

export type KeptWhy = (typeof KEPT_WHY)[number]

/** A tag as the rules see it. */
export interface RetentionTag {
  readonly name: string
  readonly digest: string
  /** Unix ms. */
  readonly setAt: number
}

/** What holds a tag whatever the rules say. */
export interface RetentionFacts {
  /** Unix ms. */
  readonly now: number
  isImmutable(tag: string): boolean
  /** Digests that running jobs need. */
  readonly leased: ReadonlySet<string>
}

export interface Verdict {
  readonly tag: RetentionTag
  /** Position in the list of rules. */
  readonly rule: number
  /** Empty: the tag goes. */
  readonly why: readonly KeptWhy[]
}

/**
 * Tags that say something of another manifest of the repository: signatures and the like of old
 * cosign (`.sig`, `.att`, `.sbom`), and the referrers tag of clients from before the referrers API.
 * They live and go with their subject, and count as no tag of their own.
 */
export const LEGACY_REFERRER_TAG = /^sha(?:256|512)-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?$/

const newestFirst = (a: RetentionTag, b: RetentionTag) =>
  b.setAt - a.setAt || (a.name < b.name ? 1 : -1)

function newestVersions(tags: readonly RetentionTag[], count: number): Set<string> {
  const versions = tags.flatMap(({ name }) => {
    const version = versionOf(name)
    return version ? [{ name, version }] : []
  })
  versions.sort((a, b) => compareVersions(b.version, a.version))
  return new Set(versions.slice(0, count).map(({ name }) => name))
}

/** One rule over the tags that are its own. */
function judge(
  rule: OciRetentionRule,
  position: number,
  tags: readonly RetentionTag[],
  facts: RetentionFacts,
): Verdict[] {
  const keepsAll = !Object.keys(rule).some((key) => key.startsWith('keep_'))
  const byAge = tags.toSorted(newestFirst)
  const last = new Set(byAge.slice(0, rule.keep_last ?? 0).map(({ name }) => name))
  const versions = newestVersions(tags, rule.keep_semver ?? 0)
  const since = facts.now - (rule.keep_newer_days ?? 0) * DAY
  const matching =
    rule.keep_matching === undefined ? undefined : new RegExp(rule.keep_matching, 'u')
  return byAge.map((tag) => {
    const kept: Readonly<Record<KeptWhy, boolean>> = {
      rule: keepsAll,
      last: last.has(tag.name),
      newer: rule.keep_newer_days !== undefined && tag.setAt > since,
      matching: matching?.test(tag.name) ?? false,
      semver: versions.has(tag.name),
      immutable: facts.isImmutable(tag.name),
      job: facts.leased.has(tag.digest),
    }
    const why = (Object.keys(kept) as KeptWhy[]).filter((reason) => kept[reason])
    return { tag, rule: position, why }
  })
}

/**
 * What the rules say of the tags of one repository. The first rule that matches repository and tag
 * decides; a tag that no rule matches is not in the answer: it stays.
 */
export function judgeTags(
  rules: readonly OciRetentionRule[],
  repository: string,
  tags: readonly RetentionTag[],
  facts: RetentionFacts,
): Verdict[] {
  let left = tags.filter(({ name }) => !LEGACY_REFERRER_TAG.test(name))
  return rules.flatMap((rule, position) => {
    if (!createGlob(rule.repositories)(repository)) return []
    const isItsOwn = createGlob(rule.tags ?? '**')
    const own = left.filter(({ name }) => isItsOwn(name))
    left = left.filter(({ name }) => !isItsOwn(name))
    return judge(rule, position, own, facts)
  })
}
