// SPDX-License-Identifier: AGPL-3.0-or-later
import { type UploadOptions, uploadBlob } from './blob-upload.ts'
import type { Content } from './content.ts'
import { patiently } from './patience.ts'
import { inParallel } from './pool.ts'
import type { Registry } from './registry.ts'
import { patienceFor, unwatched } from './transfer.ts'
import type { Tree } from './tree.ts'

export interface PushOptions extends UploadOptions {
  /** Blobs under way at the same time; 3 unless given. */
  readonly atOnce?: number
}

/** Brings a tree into a repository: blobs first, then manifests from the leaves up, the tag last. */
export async function pushTree(
  registry: Registry,
  repository: string,
  content: Content,
  tree: Tree,
  reference: string,
  options: PushOptions,
): Promise<void> {
  const { watch = unwatched, atOnce = 3, signal } = options
  const { mountable } = content
  const mountFrom = mountable?.origin === registry.origin ? mountable.repository : undefined
  const sources = tree.blobs.map((blob) => content.blob(blob))
  for (const { blob, name } of sources) watch.begins(blob, name)
  await inParallel(sources, atOnce, async (source) => {
    await uploadBlob(registry, repository, source, { ...options, mountFrom })
  })
  const root = tree.root.descriptor.digest
  const put = (target: string, { bytes, mediaType }: { bytes: Uint8Array; mediaType: string }) =>
    patiently(patienceFor(tree.root.descriptor, options), () =>
      registry.putManifest(repository, target, { bytes, mediaType }, signal),
    )
  for (const { descriptor, fetched, manifest } of tree.nodes) {
    const document = { bytes: fetched.bytes, mediaType: manifest.mediaType }
    // The tag moves when all else is there; its own manifest needs no second request.
    if (descriptor.digest !== root) await put(descriptor.digest, document)
  }
  const { fetched, manifest } = tree.root
  await put(reference, { bytes: fetched.bytes, mediaType: manifest.mediaType })
}
