// SPDX-License-Identifier: AGPL-3.0-or-later
import { streamBlob } from './blob-stream.ts'
import type { Descriptor } from './manifest.ts'
import { patiently } from './patience.ts'
import type { FetchedManifest, Registry } from './registry.ts'
import { type BlobSource, patienceFor, type TransferOptions } from './transfer.ts'

/** A place that manifests and blobs are copied from: a repository, a layout, or files on their way to one. */
export interface Content {
  /** For people. */
  readonly name: string
  /** Undefined when it is not there, as in a layout with some platforms left out. */
  manifest(descriptor: Descriptor): Promise<FetchedManifest | undefined>
  blob(descriptor: Descriptor): BlobSource
  /** Manifests here that name this one as their subject. */
  referrers(digest: string): Promise<readonly Descriptor[]>
  /** Repository of the registry of this origin that has the blobs. */
  readonly mountable?: { readonly origin: string; readonly repository: string }
}

/** A repository of a registry as a place to copy from. */
export function repositoryContent(
  registry: Registry,
  repository: string,
  options: TransferOptions,
): Content {
  return {
    name: `${registry.origin}/${repository}`,
    mountable: { origin: registry.origin, repository },
    async manifest(descriptor) {
      const fetch = () => registry.manifest(repository, descriptor.digest, options.signal)
      return patiently(patienceFor(descriptor, options), fetch)
    },
    blob: (blob) => ({
      blob,
      name: blob.digest,
      open: (fromBytes, toBytes) =>
        streamBlob(registry, repository, blob, { ...options, fromBytes, toBytes }),
    }),
    referrers: (digest) => Array.fromAsync(registry.referrers(repository, digest)),
  }
}
