// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { DAY } from '../../../core/units.ts'
import type { OciRetentionRule } from '../../../schemas/oci-admin.ts'
import { judgeTags, type RetentionTag } from './retention-rules.ts'

const NOW = 1_000 * DAY

/** The first tag is the oldest; each is a day younger than the one before, the last was set today. */
const tagsOf = (names: string): RetentionTag[] =>
  names.split(' ').map((name, at, all) => ({
    name,
    digest: `sha256:${Bun.CryptoHasher.hash('sha256', name, 'hex')}`,
    setAt: NOW - (all.length - 1 - at) * DAY,
  }))

const verdicts = (
  rules: readonly OciRetentionRule[],
  names: string,
  facts: { immutable?: string; leased?: string } = {},
) => {
  const tags = tagsOf(names)
  const leased = tags.filter(({ name }) => name === facts.leased).map(({ digest }) => digest)
  return judgeTags(rules, 't/os', tags, {
    now: NOW,
    isImmutable: (tag) => tag === facts.immutable,
    leased: new Set(leased),
  })
}

const removed = (...args: Parameters<typeof verdicts>) =>
  verdicts(...args)
    .filter(({ why }) => why.length === 0)
    .map(({ tag }) => tag.name)
    .toSorted()

test.each<{ name: string; rules: OciRetentionRule[]; tags: string; gone: string[] }>([
  {
    name: 'the last three stay, by the time they were set',
    rules: [{ repositories: '**', keep_last: 3 }],
    tags: 'z y x b a',
    gone: ['y', 'z'],
  },
  {
    name: 'what is younger than two days stays',
    rules: [{ repositories: 't/*', keep_newer_days: 2 }],
    tags: 'a b c d',
    gone: ['a', 'b'],
  },
  {
    name: 'what matches stays',
    rules: [{ repositories: '**', keep_matching: '^(stable|v\\d+)$' }],
    tags: 'stable v1 v1-rc nightly unstable',
    gone: ['nightly', 'unstable', 'v1-rc'],
  },
  {
    name: 'the newest two versions stay, whenever they were set',
    rules: [{ repositories: '**', keep_semver: 2 }],
    tags: 'v10.0.0 v9.0.0 v2.0.0 v1.9.9 latest',
    gone: ['latest', 'v1.9.9', 'v2.0.0'],
  },
  {
    name: 'one reason to stay is enough',
    rules: [{ repositories: '**', keep_last: 1, keep_matching: '^old$', keep_semver: 1 }],
    tags: 'old 3.0 2.0 new',
    gone: ['2.0'],
  },
  {
    name: 'a rule for other repositories says nothing',
    rules: [{ repositories: 'other/**', keep_last: 0 }],
    tags: 'a b',
    gone: [],
  },
  {
    name: 'a tag that no rule is about stays',
    rules: [{ repositories: '**', tags: 'nightly-*', keep_last: 1 }],
    tags: 'nightly-1 nightly-2 release',
    gone: ['nightly-1'],
  },
  {
    name: 'the first rule that matches decides, and a later one does not count its tags',
    rules: [
      { repositories: 't/os', tags: 'v*', keep_last: 2 },
      { repositories: '**', keep_last: 1 },
    ],
    tags: 'v1 v2 v3 a b',
    gone: ['a', 'v1'],
  },
  {
    name: 'tags of signatures are not counted and not removed by a rule',
    rules: [{ repositories: '**', keep_last: 1 }],
    tags: `a b sha256-${'a'.repeat(64)}.sig sha256-${'b'.repeat(64)} sha512-${'c'.repeat(64)}.att`,
    gone: ['a'],
  },
  {
    name: 'a rule that says nothing of keeping keeps all, before the rules behind it',
    rules: [{ repositories: 't/os' }, { repositories: '**', keep_last: 0 }],
    tags: 'a b',
    gone: [],
  },
  {
    name: 'a rule may keep none',
    rules: [{ repositories: '**', keep_last: 0 }],
    tags: 'a b',
    gone: ['a', 'b'],
  },
])('$name', ({ rules, tags, gone }) => {
  expect(removed(rules, tags)).toEqual(gone)
})

test('immutable tags and what running jobs install stay, and the plan says why', () => {
  const rules = [{ repositories: '**', keep_last: 1 }]
  const facts = { immutable: 'a', leased: 'b' }
  expect(removed(rules, 'a b c d', facts)).toEqual(['c'])
  const why = Object.fromEntries(
    verdicts(rules, 'a b c d', facts).map((verdict) => [verdict.tag.name, verdict.why]),
  )
  expect(why).toEqual({ a: ['immutable'], b: ['job'], c: [], d: ['last'] })
})

test('tags that were set in the same millisecond have one order, so that a plan can be repeated', () => {
  const tags = tagsOf('a b c').map((tag) => ({ ...tag, setAt: NOW }))
  const facts = { now: NOW, isImmutable: () => false, leased: new Set<string>() }
  const rules = [{ repositories: '**', keep_last: 1 }]
  const kept = (input: readonly RetentionTag[]) =>
    judgeTags(rules, 't', input, facts).find(({ why }) => why.length > 0)?.tag.name
  expect(kept(tags)).toBe('c')
  expect(kept(tags.toReversed())).toBe('c')
})
