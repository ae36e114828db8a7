// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../../core/log.ts'
import { SECOND } from '../../../core/units.ts'
import { isMissing, removeFile, syncFolder } from './files.ts'
import type { ManifestRecord, Manifests } from './manifests.ts'
import { OCI_INDEX } from './media-types.ts'
import type { Paths } from './paths.ts'
import type { Repositories, Repository } from './repositories.ts'
import type { Tags } from './tags.ts'

const DEBOUNCE_MS = SECOND
const ROWS = 500

/** Name of the tag, as every tool that reads layouts knows it. */
export const REF_NAME = 'org.opencontainers.image.ref.name'
/** Unix ms and who: what a rebuild of the database needs beyond the bytes. */
export const SET_AT = 'dev.slipway.set-at'
export const SET_BY = 'dev.slipway.set-by'
export const PUSHED_AT = 'dev.slipway.pushed-at'
export const PUSHED_BY = 'dev.slipway.pushed-by'
/** Of the repository itself. */
export const CREATED_AT = 'dev.slipway.created-at'
export const SPARSE = 'dev.slipway.sparse'

/** Keeps `index.json` of each repository's layout true, a second behind the database. */
export interface Layouts extends AsyncDisposable {
  /** Tags or manifests of it changed. */
  changed(repository: string): void
  /** Writes what is owed now. */
  settle(): Promise<void>
  /** What `index.json` of a repository should be just now. */
  render(repository: string): Promise<string>
}

export interface LayoutParts {
  readonly paths: Paths
  readonly tags: Tags
  readonly manifests: Manifests
  readonly repositories: Repositories
  readonly log: Logger
}

interface Entry {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType?: string
  readonly annotations: Readonly<Record<string, string>>
}

const entryOf = (record: ManifestRecord, annotations: Readonly<Record<string, string>>): Entry => ({
  mediaType: record.mediaType,
  digest: record.digest,
  size: record.sizeBytes,
  annotations: {
    ...annotations,
    [PUSHED_AT]: String(record.pushedAt),
    [PUSHED_BY]: record.pushedBy,
  },
})

const annotationsOf = ({ createdAt, sparse }: Repository) => ({
  [CREATED_AT]: String(createdAt),
  ...(sparse === null ? {} : { [SPARSE]: sparse }),
})

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** All rows of a paged list; others get the event loop between two pages. */
async function* pages<T>(
  read: (after: string) => Promise<readonly T[]>,
  keyOf: (row: T) => string,
) {
  for (let after = ''; ; ) {
    const some = await read(after)
    yield some
    const last = some.at(-1)
    if (!last || some.length < ROWS) return
    after = keyOf(last)
    await turn()
  }
}

/** Writes a file so that a crash leaves the old one or the new one. */
async function replaceFile(paths: Paths, folder: string, name: string, text: string) {
  const temporary = join(paths.uploads, `${Bun.randomUUIDv7()}.tmp`)
  try {
    {
      await using file = await open(temporary, 'wx', 0o600)
      await file.writeFile(text)
      await file.datasync()
    }
    await rename(temporary, join(folder, name))
    await syncFolder(folder)
  } finally {
    await removeFile(temporary)
  }
}

export function createLayouts(parts: LayoutParts): Layouts {
  const { paths, tags, manifests, log } = parts
  const owed = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let writing: Promise<void> = Promise.resolve()

  const entriesOf = async (repository: string): Promise<readonly Entry[]> => {
    const entries: Entry[] = []
    const tagged = new Set<string>()
    const tagPages = pages(
      (after) => tags.entries(repository, { after, limit: ROWS }),
      ({ name }) => name,
    )
    for await (const some of tagPages) {
      for (const { name, digest, setAt, setBy } of some) {
        const record = await manifests.find(repository, digest)
        if (!record) continue
        tagged.add(digest)
        const named = { [REF_NAME]: name, [SET_AT]: String(setAt), [SET_BY]: setBy }
        entries.push(entryOf(record, named))
      }
    }
    // Those without a tag stand there too: tools collect what an index does not name.
    const others = pages(
      (after) => manifests.list(repository, { after, limit: ROWS }),
      ({ digest }) => digest,
    )
    for await (const some of others) {
      for (const record of some) if (!tagged.has(record.digest)) entries.push(entryOf(record, {}))
    }
    return entries
  }

  const render = async (repository: string): Promise<string> => {
    const known = await parts.repositories.find(repository)
    return JSON.stringify({
      ...{ schemaVersion: 2, mediaType: OCI_INDEX },
      manifests: await entriesOf(repository),
      ...(known ? { annotations: annotationsOf(known) } : {}),
    })
  }

  const write = async (repository: string): Promise<void> => {
    try {
      const text = await render(repository)
      await replaceFile(paths, paths.repository(repository), 'index.json', text)
    } catch (error) {
      // The repository was removed with its folder meanwhile.
      if (!isMissing(error)) throw error
    }
  }

  const writeAll = async (): Promise<void> => {
    const names = [...owed]
    owed.clear()
    for (const repository of names) {
      await write(repository).catch((err: unknown) => {
        owed.add(repository)
        log.warn({ err, repository }, 'index.json of a repository could not be written; it is owed')
      })
    }
  }
  const settle = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    writing = writing.then(writeAll)
    return writing
  }

  return {
    changed(repository) {
      owed.add(repository)
      timer ??= setTimeout(settle, DEBOUNCE_MS)
    },
    settle,
    render,
    async [Symbol.asyncDispose]() {
      await settle()
      clearTimeout(timer)
    },
  }
}
