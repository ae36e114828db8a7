// SPDX-License-Identifier: AGPL-3.0-or-later
import { open } from 'node:fs/promises'
import { digestOf } from '../store/digest.ts'
import type { Content } from './content.ts'
import { clientFaults } from './faults.ts'
import { readFileRange } from './file-range.ts'
import { ANNOTATION, type Descriptor, MEDIA } from './manifest.ts'
import type { BlobSource } from './transfer.ts'

/** A file that becomes a layer. */
export interface ArtifactFile {
  readonly path: string
  /** Name under which it is pulled again. */
  readonly title: string
  readonly digest: string
  readonly sizeBytes: number
  readonly mediaType: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ArtifactParts {
  readonly files: readonly ArtifactFile[]
  readonly artifactType: string
  readonly annotations: Readonly<Record<string, string>>
}

/** image-spec v1.1.1, "Guidance for an Empty Descriptor": two bytes, carried in the descriptor too. */
const EMPTY = new TextEncoder().encode('{}')
const EMPTY_CONFIG: Descriptor = {
  mediaType: MEDIA.empty,
  digest: digestOf(EMPTY),
  size: EMPTY.byteLength,
  data: Buffer.from(EMPTY).toString('base64'),
}

/** Files as an OCI artifact. The same files make the same digest: no time of day is written into it. */
export function packArtifact({ files, artifactType, annotations }: ArtifactParts) {
  const layers = files.map(
    ({ mediaType, digest, sizeBytes, title, annotations: own }): Descriptor => ({
      ...{ mediaType, digest, size: sizeBytes },
      annotations: { ...own, [ANNOTATION.title]: title },
    }),
  )
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA.image,
    artifactType,
    config: EMPTY_CONFIG,
    // Some registries refuse a manifest without layers.
    layers: layers.length > 0 ? layers : [EMPTY_CONFIG],
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  }
  const bytes = new TextEncoder().encode(JSON.stringify(document))
  const digest = digestOf(bytes)
  const descriptor = { mediaType: MEDIA.image, digest, size: bytes.byteLength }
  return { descriptor, content: artifactContent(files, { bytes, mediaType: MEDIA.image, digest }) }
}

function artifactContent(
  files: readonly ArtifactFile[],
  manifest: { readonly bytes: Uint8Array; readonly mediaType: string; readonly digest: string },
): Content {
  const byDigest = new Map(files.map((file) => [file.digest, file]))
  return {
    name: 'the artifact',
    manifest: async ({ digest }) => (digest === manifest.digest ? manifest : undefined),
    referrers: async () => [],
    blob(blob) {
      const file = byDigest.get(blob.digest)
      if (file) return fileSource(blob, file.path, file.title)
      if (blob.digest === EMPTY_CONFIG.digest) return memorySource(blob, EMPTY, 'config')
      throw clientFaults.content(`no file has the digest ${blob.digest}`)
    },
  }
}

/** A file as a blob; opened for each piece, so that it is not held open between them. */
export const fileSource = (blob: Descriptor, path: string, name: string): BlobSource => ({
  blob,
  name,
  async *open(fromBytes, toBytes) {
    await using file = await open(path, 'r')
    yield* readFileRange(file, fromBytes, toBytes)
  },
})

const memorySource = (blob: Descriptor, bytes: Uint8Array, name: string): BlobSource => ({
  blob,
  name,
  async *open(fromBytes, toBytes) {
    yield bytes.subarray(fromBytes, toBytes)
  },
})
