// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Logger } from '../../core/log.ts'
import type { Db } from '../../core/store/client.ts'
import { createRules, type Rules } from './care/care-rules.ts'
import { createPromises, type Promises } from './care/gc-promises.ts'
import { createQuota, type Quota } from './care/quota.ts'
import { createRoom, type Room, type Taken } from './care/room.ts'
import { createWatermark, type Watermark } from './care/watermark.ts'
import type { OciConfig } from './config.ts'
import { ociFaults } from './errors.ts'
import type { Digest } from './store/digest.ts'
import { createDisk, type Disk } from './store/disk.ts'
import { createFiles, type Files, makeFolders } from './store/files.ts'
import { createFresh, type Fresh } from './store/fresh.ts'
import { createGuards, type Guards } from './store/guards.ts'
import { createLayouts, type Layouts } from './store/layouts.ts'
import { createLedger, type Ledger } from './store/ledger.ts'
import { createLocks, type Locks } from './store/locks.ts'
import { createManifests, type Manifests } from './store/manifests.ts'
import { createObjects, type Objects } from './store/objects.ts'
import { createPaths, type Paths } from './store/paths.ts'
import { createRepositories, type Repositories } from './store/repositories.ts'
import { createTags, type Tags } from './store/tags.ts'
import { createUploads, type Uploads } from './store/uploads.ts'
import { createEvents, type Events } from './watch/events.ts'

/**
 * The registry's store: what the routes, the garbage collection, quotas, metrics and pages share.
 *
 * The truth is in the database; files hold the bytes, and the layouts below `repos/` are a view.
 * Whoever deletes takes `repositoryLocks.alone(name)` and then, by digest, `objectLocks.alone(digest)`;
 * a push of a manifest holds its repository shared, so that its children stay until it stands.
 * Reads take no lock. Who changes rows itself calls `forget` of what it changed.
 */
export interface OciStore extends Events, Guards {
  readonly db: Db
  readonly paths: Paths
  readonly files: Files
  readonly disk: Disk
  readonly ledger: Ledger
  readonly fresh: Fresh
  readonly repositoryLocks: Locks
  readonly objectLocks: Locks
  readonly repositories: Repositories
  readonly objects: Objects
  readonly manifests: Manifests
  readonly tags: Tags
  readonly uploads: Uploads
  readonly layouts: Layouts
  readonly config: OciConfig
  readonly log: Logger
  readonly now: () => number
  /** Opens folders, restores what a crash left; to be called once, before the first call. */
  open(scope: AsyncDisposableStack): Promise<void>
  readonly rules: Rules
  readonly promises: Promises
  readonly quota: Quota
  readonly room: Room
  /** Room for an object of so many bytes; one that the repository holds already needs none. Throws as `room.take` does. */
  roomFor(repository: string, digest: Digest, sizeBytes: number): Promise<Taken>
  readonly watermark: Watermark
  /** Throws `oci.starting` until it is open. */
  ready(): void
}

export interface StoreParts {
  readonly db: Db
  /** The plugin's folder. */
  readonly root: string
  readonly config: OciConfig
  readonly log: Logger
  readonly now: () => number
}

/** Puts the store together; opens nothing. */
export function createStore({ db, root, config, log, now }: StoreParts): OciStore {
  const paths = createPaths(root)
  const disk = createDisk()
  const files = createFiles(paths, disk)
  const events = createEvents(log)
  const ledger = createLedger(db, events.record)
  const fresh = createFresh({ db, disk, files, paths, log, now })
  const objectLocks = createLocks()
  const objects = createObjects({ db, paths, files, ledger, fresh, locks: objectLocks, now })
  const tags = createTags(db, now)
  const manifests = createManifests({ db, objects, tags, now })
  const uploads = createUploads({ paths, disk, log, now, ttlMs: config.upload_ttl_ms })
  const repositories = createRepositories(db)
  const layouts = createLayouts({ paths, tags, manifests, repositories, log })
  const rules = createRules(db, config)
  const quota = createQuota({ db, rules: rules.quotas, uploads: uploads.list })
  const { watermark, ...room } = createRoom(quota, (expected) =>
    createWatermark({ folder: root, reserveBytes: config.disk_reserve_bytes, expected }),
  )
  // A repository may hold blobs alone: its folder is a layout all the same.
  events.onEvent(({ repository }) => {
    if (files.takeNewLayout(repository)) layouts.changed(repository)
  })
  let opened = false
  return {
    ...events,
    ...createGuards(),
    ...{
      db,
      paths,
      files,
      disk,
      ledger,
      fresh,
      objectLocks,
      objects,
      tags,
      manifests,
      uploads,
      layouts,
    },
    ...{ config, log, now, rules, quota, room, watermark, promises: createPromises(now) },
    repositoryLocks: createLocks(),
    repositories,
    async roomFor(repository, digest, sizeBytes) {
      const isHeld =
        quota.applies(repository) && (await objects.find(repository, digest)) !== undefined
      return room.take(repository, isHeld ? 0 : sizeBytes)
    },
    async open(scope) {
      await makeFolders(paths)
      const restored = await fresh.restore()
      if (restored > 0)
        log.info({ objects: restored }, 'small objects were written again after a crash')
      await rules.load()
      await uploads.open()
      scope.use(disk)
      scope.use(fresh)
      scope.use(layouts)
      scope.use(uploads)
      opened = true
    },
    ready() {
      if (opened) return
      throw ociFaults.starting('the registry is still being opened: try again in a moment', {
        retryAfterSeconds: 1,
      })
    },
  }
}
