// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandCall, DeclaredCommand } from '../../../core/command.ts'
import { Fault } from '../../../core/faults.ts'
import { table } from '../../../core/table.ts'
import { localTime, sizeOf } from '../../../core/times.ts'
import type {
  OciRepository,
  OciRepositoryList,
  OciTag,
  OciTagList,
} from '../../../schemas/oci-admin.ts'
import { createGlob } from '../care/care-glob.ts'
import { inParallel } from '../client/pool.ts'
import { parseReference, type Reference, splitOrigin } from '../client/reference.ts'
import type { Registry } from '../client/registry.ts'
import { apiPath, isOwn, readAll } from './admin.ts'
import { type Door, openDoor, REMOTE_OPTIONS } from './door.ts'

/** A tag as any registry tells it; the appliance tells more. */
type TagRow = Pick<OciTag, 'tag' | 'digest'> & Partial<OciTag>
type RepositoryRow = Pick<OciRepository, 'name'> & Partial<OciRepository>

export const lsCommand: DeclaredCommand = {
  name: 'ls',
  summary: 'repositories of the registry, or of another one',
  arguments: [
    { name: 'GLOB', summary: '[HOST/]PATTERN: * within a part, ** over parts', optional: true },
  ],
  options: {
    digests: { summary: 'every tag with its digest, one a line, sorted' },
    ...REMOTE_OPTIONS,
  },
  examples: [
    'slipway oci ls',
    "slipway oci ls 'os/**' --digests",
    'slipway oci ls registry.lab:5000/',
  ],
  async call(call) {
    const { args, flags, out } = call
    const { origin, rest } = splitOrigin(args[0] ?? '')
    await using door = openDoor(call)
    const wanted = createGlob(rest || '**')
    const rows = (await repositories(call, door, origin)).filter(({ name }) => wanted(name))
    if (flags.on('digests')) {
      const tags = await Promise.all(
        rows.map(({ name }) => tagsOf(call, door, origin, name).catch(ignoreUnknown)),
      )
      const digests = rows.flatMap(({ name }, at) =>
        (tags[at] ?? []).map(({ tag, digest }) => ({ reference: `${name}:${tag}`, digest })),
      )
      out.answer({ digests }, (value) =>
        value.digests.map(({ reference, digest }) => `${reference}@${digest}`).sort(),
      )
      return 0
    }
    out.answer({ repositories: rows }, (value) => repositoryLines(call, value.repositories))
    return 0
  },
}

export const tagsCommand: DeclaredCommand = {
  name: 'tags',
  summary: 'tags of a repository, with what they point at',
  arguments: [{ name: 'REPO', summary: '[HOST/]NAME' }],
  options: REMOTE_OPTIONS,
  examples: ['slipway oci tags os/debian'],
  async call(call) {
    const { args, out, usage } = call
    const reference = parseReference(args[0] ?? '')
    if (reference.tag ?? reference.digest)
      throw usage('a repository is wanted, without tag or digest')
    await using door = openDoor(call)
    const tags = await tagsOf(call, door, reference.origin, reference.repository)
    out.answer({ repository: reference.repository, tags }, (value) => tagLines(call, value.tags))
    return 0
  },
}

async function repositories(
  call: CommandCall,
  door: Door,
  origin: string | undefined,
): Promise<readonly RepositoryRow[]> {
  if (await isOwn(call, origin)) {
    const path = apiPath('repositories')
    return readAll(await call.client(), path, (page: OciRepositoryList) => page.repositories)
  }
  const registry = await door.at(placeOf(origin))
  return (await Array.fromAsync(registry.repositories())).map((name) => ({ name }))
}

const placeOf = (origin: string | undefined): Reference => ({
  ...{ origin, repository: '', tag: undefined, digest: undefined },
})

async function tagsOf(
  call: CommandCall,
  door: Door,
  origin: string | undefined,
  repository: string,
): Promise<readonly TagRow[]> {
  if (await isOwn(call, origin)) {
    const path = apiPath('repositories', repository, 'tags')
    return readAll(await call.client(), path, (page: OciTagList) => page.tags)
  }
  return askTags(await door.at(placeOf(origin)), repository)
}

const AT_ONCE = 8

/** A repository that got blobs and no manifest yet is in some catalogs, and has no list of tags. */
function ignoreUnknown(error: unknown): readonly TagRow[] {
  if (error instanceof Fault && error.kind.status === 404) return []
  throw error
}

/** The list has names only: each digest is a question of its own. */
async function askTags(registry: Registry, repository: string): Promise<readonly TagRow[]> {
  const rows: TagRow[] = []
  const tags = await Array.fromAsync(registry.tags(repository))
  await inParallel(tags, AT_ONCE, async (tag) => {
    const head = await registry.headManifest(repository, tag)
    // One that was removed since the list came is no tag any more.
    if (head) rows.push({ tag, digest: head.digest, media_type: head.mediaType })
  })
  return rows.sort((a, b) => (a.tag < b.tag ? -1 : 1))
}

const count = (value: number | undefined) => (value === undefined ? '' : String(value))
const size = (bytes: number | undefined) => (bytes === undefined ? '' : sizeOf(bytes))
const time = (at: string | undefined) => (at === undefined ? '' : localTime(at))

function repositoryLines({ out }: CommandCall, rows: readonly RepositoryRow[]): readonly string[] {
  if (rows.length === 0) return ['no repositories']
  return table(
    rows,
    [
      { title: 'REPOSITORY', value: (row) => row.name },
      { title: 'TAGS', value: (row) => count(row.tags) },
      { title: 'SIZE', value: (row) => size(row.size_bytes) },
      { title: 'QUOTA', value: ({ quota }) => (quota ? `${Math.round(quota.percent)} %` : '') },
      { title: 'PUSHED', value: (row) => time(row.pushed_at) },
    ],
    out.columns(),
  )
}

function tagLines({ out }: CommandCall, rows: readonly TagRow[]): readonly string[] {
  if (rows.length === 0) return ['no tags']
  return table(
    rows,
    [
      { title: 'TAG', value: (row) => row.tag },
      { title: 'DIGEST', value: (row) => row.digest },
      { title: 'SIZE', value: (row) => size(row.size_bytes) },
      { title: 'PUSHED', value: (row) => time(row.pushed_at) },
      { title: 'BY', value: (row) => row.pushed_by ?? '', cut: true },
      { title: '', value: (row) => (row.immutable ? 'immutable' : '') },
    ],
    out.columns(),
  )
}
