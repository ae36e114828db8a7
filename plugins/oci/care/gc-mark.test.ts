// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type TemporaryDb, temporaryDb } from '../../../test/temporary-db.ts'
import {
  blobs,
  leases,
  manifestReferences,
  manifests,
  repositoryBlobs,
  tagHistory,
  tags,
} from '../tables.ts'
import { type MarkRules, markRepository } from './gc-mark.ts'

const NOW = 1_000_000
const LONG_AGO = 1_000
const RULES: MarkRules = {
  ...{ now: NOW, since: NOW - 100, untagged: 'collect', orphans: 'collect', earlier: 0 },
}

let temporary: TemporaryDb
beforeAll(async () => {
  temporary = await temporaryDb()
  await temporary.db.migrate(join(import.meta.dir, '../migrations'), 'migrations_oci')
})
afterAll(() => temporary[Symbol.asyncDispose]())
beforeEach(async () => {
  for (const table of [blobs, leases, manifestReferences, manifests, repositoryBlobs, tags]) {
    await temporary.db.read.delete(table)
  }
  await temporary.db.read.delete(tagHistory)
})

const digestOf = (name: string) => `sha256:${Bun.CryptoHasher.hash('sha256', name, 'hex')}`
const legacyTag = (name: string, end: string) => `${digestOf(name).replace(':', '-')}${end}`

/** A line a fact: `tag latest -> a`, `a -> b c` (children), `r ^ a` (subject), `blob x`. */
async function given(facts: readonly string[], { at = LONG_AGO, repository = 't' } = {}) {
  const { read: db } = temporary.db
  const addBlob = async (name: string) => {
    const digest = digestOf(name)
    await db.insert(blobs).values({ digest, sizeBytes: 10, createdAt: at }).onConflictDoNothing()
    await db
      .insert(repositoryBlobs)
      .values({ repository, digest, linkedAt: at })
      .onConflictDoNothing()
    return digest
  }
  const addManifest = async (name: string, subject: string | null = null) => {
    const digest = await addBlob(name)
    await db
      .insert(manifests)
      .values({
        ...{
          repository,
          digest,
          subject,
          mediaType: 'x',
          sizeBytes: 10,
          pushedAt: at,
          pushedBy: 'u',
        },
      })
      .onConflictDoUpdate({ target: [manifests.repository, manifests.digest], set: { subject } })
  }
  const addTag = async (name: string, target: string) => {
    const digest = digestOf(target)
    await db.insert(tags).values({ repository, name, digest, setAt: at, setBy: 'u' })
    await db.insert(tagHistory).values({ repository, tag: name, digest, at, by: 'u' })
  }
  for (const fact of facts) {
    const [first = '', verb, ...others] = fact.split(' ')
    if (first === 'blob') await addBlob(verb ?? '')
    else if (first === 'tag') await addTag(verb ?? '', others[1] ?? '')
    else if (verb === '^') await addManifest(first, digestOf(others[0] ?? ''))
    else {
      await addManifest(first)
      for (const child of others) {
        await db.insert(manifestReferences).values({
          ...{ repository, manifest: digestOf(first), child: digestOf(child), kind: 'layer' },
        })
      }
    }
  }
}

const NAMES = 'abcdefghijklmnopqrstuvwxyz'.split('')
const nameOf = new Map(NAMES.map((name) => [digestOf(name), name]))

async function garbage(rules: Partial<MarkRules> = {}) {
  const marked = await markRepository(temporary.db.read, 't', { ...RULES, ...rules })
  const names = (of: readonly { digest: string }[]) =>
    of
      .map(({ digest }) => nameOf.get(digest))
      .toSorted()
      .join('')
  return {
    manifests: names(marked.manifests),
    links: names(marked.links),
    tags: marked.tags
      .map(({ name }) => name.slice(71))
      .toSorted()
      .join(' '),
  }
}

test.each<{ name: string; facts: string[]; manifests?: string; links?: string; tags?: string }>([
  { name: 'a tagged image stays, whole', facts: ['blob b', 'a -> b', 'tag latest -> a'] },
  {
    name: 'an untagged image goes, with its blobs',
    facts: ['blob b', 'blob c', 'a -> b c'],
    ...{ manifests: 'a', links: 'abc' },
  },
  {
    name: 'a blob that two images share stays with the tagged one',
    facts: ['blob b', 'blob c', 'a -> b c', 'd -> b', 'tag x -> d'],
    ...{ manifests: 'a', links: 'ac' },
  },
  {
    name: 'what a tagged index reaches stays, however deep',
    facts: ['blob d', 'c -> d', 'b -> c', 'a -> b', 'tag x -> a'],
  },
  { name: 'a blob that nobody names goes', facts: ['blob a'], links: 'a' },
  {
    name: 'referrers of a tagged image stay, and their referrers, and what they hold',
    facts: ['blob d', 'a', 'b ^ a', 'c ^ b', 'b -> d', 'tag x -> a', 'b ^ a'],
  },
  {
    name: 'referrers of what goes, go',
    facts: ['a', 'b ^ a', 'c ^ b'],
    ...{ manifests: 'abc', links: 'abc' },
  },
  {
    name: 'a referrer whose subject is not here goes, unless it has a tag',
    facts: ['b ^ z', 'c ^ z', 'tag x -> c'],
    ...{ manifests: 'b', links: 'b' },
  },
  {
    name: 'a tagged referrer does not hold its subject',
    facts: ['a', 'b ^ a', 'tag x -> b'],
    ...{ manifests: 'a', links: 'a' },
  },
  {
    name: 'signature tags of old cosign stay with their subject',
    facts: ['a', 'tag x -> a', 'b', 'c', 'd', 'e']
      .concat(`tag ${legacyTag('a', '.sig')} -> b`, `tag ${legacyTag('a', '.att')} -> c`)
      .concat(`tag ${legacyTag('a', '.sbom')} -> d`, `tag ${legacyTag('a', '')} -> e`),
  },
  {
    name: 'signature tags of old cosign go with their subject, in the same collection',
    facts: ['a', 'b', `tag ${legacyTag('a', '.sig')} -> b`],
    ...{ manifests: 'ab', links: 'ab', tags: '.sig' },
  },
  {
    name: 'a signature of a signature stays with the image that is signed',
    facts: ['a', 'b', 'c', 'tag x -> a'].concat(
      ...[`tag ${legacyTag('a', '.sig')} -> b`, `tag ${legacyTag('b', '.sig')} -> c`],
    ),
  },
  {
    name: 'a tag that only looks like one of cosign is a tag',
    facts: ['a', 'tag sha256-abc.sig -> a', 'b', `tag ${legacyTag('z', '.sig2')} -> b`],
  },
])('$name', async ({ facts, manifests: gone = '', links = '', tags: goneTags = '' }) => {
  await given(facts)
  expect(await garbage()).toEqual({ manifests: gone, links, tags: goneTags })
})

test('what is younger than the grace stays, and all that it names', async () => {
  await given(['blob b', 'a -> b', 'blob c'])
  await given(['d -> b', 'blob e'], { at: NOW - 50 })
  expect(await garbage()).toEqual({ manifests: 'a', links: 'ac', tags: '' })
})

test('a lease holds an image against the collector until it ends', async () => {
  await given(['blob b', 'a -> b'])
  const lease = { id: '1', repository: 't', digest: digestOf('a'), holder: 'job:1' }
  await temporary.db.read.insert(leases).values({ ...lease, until: NOW + 1 })
  expect(await garbage()).toEqual({ manifests: '', links: '', tags: '' })
  expect(await garbage({ now: NOW + 2 })).toEqual({ manifests: 'a', links: 'ab', tags: '' })
})

test('what a tag left within the grace can still be rolled back to', async () => {
  await given(['a', 'b', 'c', 'tag x -> a'])
  const { read: db } = temporary.db
  await db.delete(tags)
  await given(['tag x -> b'], { at: LONG_AGO + 1 })
  await db.delete(tags)
  await given(['tag x -> c'], { at: NOW - 50 })
  // `b` was replaced 50 ms ago, `a` long ago.
  expect((await garbage()).manifests).toBe('a')
  expect((await garbage({ since: NOW - 10 })).manifests).toBe('ab')
})

test('the history of a tag holds as many of its digests as it is told', async () => {
  await given(['a', 'b', 'c', 'tag x -> a'])
  await temporary.db.read.delete(tags)
  await given(['tag x -> b'], { at: LONG_AGO + 1 })
  await temporary.db.read.delete(tags)
  await given(['tag x -> c'], { at: LONG_AGO + 2 })
  expect((await garbage({ earlier: 0 })).manifests).toBe('ab')
  expect((await garbage({ earlier: 1 })).manifests).toBe('a')
  expect((await garbage({ earlier: 2 })).manifests).toBe('')
  // Of a tag that is deleted nothing is held beyond the grace.
  await temporary.db.read.delete(tags)
  expect((await garbage({ earlier: 2 })).manifests).toBe('abc')
})

test('untagged images stay where the configuration says so', async () => {
  await given(['blob b', 'a -> b', 'blob c'])
  expect(await garbage({ untagged: 'keep' })).toEqual({ manifests: '', links: 'c', tags: '' })
})

test('a repository of signatures alone keeps those whose subject lives elsewhere here', async () => {
  await given(['a', 'tag x -> a'], { repository: 'images' })
  await given(['b', 'c'])
  await given([`tag ${legacyTag('a', '.sig')} -> b`, `tag ${legacyTag('z', '.sig')} -> c`])
  expect(await garbage()).toEqual({ manifests: 'c', links: 'c', tags: '.sig' })
  expect((await garbage({ orphans: 'keep' })).tags).toBe('')
})

test('the signature of an image with a sha512 digest is known by the first half of it', async () => {
  const digest = `sha512:${Bun.CryptoHasher.hash('sha512', 'a', 'hex')}`
  const { read: db } = temporary.db
  const row = { repository: 't', digest, mediaType: 'x', sizeBytes: 1, pushedAt: 1, pushedBy: 'u' }
  await db.insert(manifests).values(row)
  await db.insert(tags).values({ repository: 't', name: 'x', digest, setAt: 1, setBy: 'u' })
  await given(['b', `tag sha512-${digest.slice(7, 71)}.sig -> b`])
  expect((await garbage()).tags).toBe('')
  await db.delete(manifests)
  await db.delete(tags)
  await given([`tag sha512-${digest.slice(7, 71)}.sig -> b`])
  expect((await garbage()).tags).toBe('.sig')
})
