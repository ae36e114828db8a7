// SPDX-License-Identifier: AGPL-3.0-or-later
/** A registry for the tests beside this file. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import * as v from 'valibot'
import type { ApiEnv } from '../../core/http/env.ts'
import { createLog } from '../../core/log.ts'
import { type Db, openDb } from '../../core/store/client.ts'
import type { Access } from './access.ts'
import { OciConfig } from './config.ts'
import { mountRoutes } from './http/routes.ts'
import { type Digest, digestOf } from './store/digest.ts'
import { OCI_MANIFEST } from './store/media-types.ts'
import { createStore, type OciStore } from './store.ts'

/** Memory-backed storage where there is some: every push waits for the disk. */
const FAST = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

const EVERYTHING: Access = { name: 'ada', may: () => true, mayByRight: () => true }

/** A pushed image: one config, one layer, one manifest. */
export interface PushedImage {
  readonly digest: Digest
  readonly config: Digest
  readonly layer: Digest
  /** Of the manifest. */
  readonly text: string
}

export interface RegistryBed extends AsyncDisposable {
  readonly folder: string
  readonly db: Db
  readonly logged: string[]
  /** The store of the present run. */
  store(): OciStore
  /** Ends and opens again; `crash` leaves out what an orderly end would do. */
  restart(how?: 'orderly' | 'crash'): Promise<void>
  /** As somebody who may do everything. */
  send(method: string, path: string, init?: RequestInit): Promise<Response>
  pushBlob(repository: string, bytes: string | Uint8Array<ArrayBuffer>): Promise<Response>
  putManifest(repository: string, reference: string, text: string, type: string): Promise<Response>
  image(repository: string, tag: string, layer?: string): Promise<PushedImage>
}

/** A registry over a folder of its own, on a real disk or in memory. */
export async function registryBed(
  settings: Partial<v.InferInput<typeof OciConfig>> = {},
  now: () => number = Date.now,
  parent = FAST,
): Promise<RegistryBed> {
  const folder = await mkdtemp(join(parent, 'slipway-oci-'))
  const logged: string[] = []
  const log = createLog('debug', { write: (line) => void logged.push(line) })
  const db = await openDb({ url: `file:${join(folder, 'slipway.db')}` })
  await db.migrate(join(import.meta.dir, 'migrations'), 'migrations_oci')
  const config = v.parse(OciConfig, settings)

  const open = async () => {
    const store = createStore({ db, root: folder, config, log, now })
    const scope = new AsyncDisposableStack()
    await store.open(scope)
    const app = new Hono<ApiEnv>()
    mountRoutes(app, store, { challenge: () => '', admit: async () => EVERYTHING })
    return { store, scope, app }
  }
  let run = await open()

  const bed: RegistryBed = {
    ...{ folder, db, logged },
    store: () => run.store,
    async restart(how = 'orderly') {
      if (how === 'orderly') await run.scope.disposeAsync()
      run = await open()
    },
    send: async (method, path, init = {}) => await run.app.request(path, { ...init, method }),
    async pushBlob(repository, bytes) {
      const begun = await bed.send('POST', `/v2/${repository}/blobs/uploads/`)
      const digest = digestOf(Buffer.from(bytes))
      return bed.send('PUT', `${begun.headers.get('location')}?digest=${digest}`, {
        body: bytes,
        headers: { 'Content-Length': String(bytes.length) },
      })
    },
    putManifest: (repository, reference, text, type) =>
      bed.send('PUT', `/v2/${repository}/manifests/${reference}`, {
        body: text,
        headers: { 'Content-Type': type },
      }),
    async image(repository, tag, layer = `layer of ${repository}`) {
      await bed.pushBlob(repository, '{}')
      await bed.pushBlob(repository, layer)
      const digests = { config: digestOf(Buffer.from('{}')), layer: digestOf(Buffer.from(layer)) }
      const text = JSON.stringify({
        ...{ schemaVersion: 2, mediaType: OCI_MANIFEST },
        config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digests.config, size: 2 },
        layers: [{ mediaType: 'a/b', digest: digests.layer, size: layer.length }],
      })
      const put = await bed.putManifest(repository, tag, text, OCI_MANIFEST)
      if (put.status !== 201) throw new Error(await put.text())
      return { ...digests, text, digest: digestOf(Buffer.from(text)) }
    },
    async [Symbol.asyncDispose]() {
      await run.scope.disposeAsync()
      db[Symbol.dispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return bed
}
