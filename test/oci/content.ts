// SPDX-License-Identifier: AGPL-3.0-or-later
/** Blobs and manifests as clients make them. */

export type Json = Readonly<Record<string, unknown>>

export const TYPES = {
  image: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  empty: 'application/vnd.oci.empty.v1+json',
  foreignLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  dockerImage: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const

export function digestOf(bytes: Uint8Array, algorithm = 'sha256'): string {
  const hash = new Bun.CryptoHasher(algorithm === 'sha512' ? 'sha512' : 'sha256')
  return `${algorithm}:${hash.update(bytes).digest('hex')}`
}

export const jsonBytes = (value: unknown): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(JSON.stringify(value))

export const textBytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

/** Bytes that no other blob has. */
export function freshBytes(length = 64): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += 65_536)
    crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

export const descriptor = (mediaType: string, bytes: Uint8Array, algorithm = 'sha256') => ({
  mediaType,
  digest: digestOf(bytes, algorithm),
  size: bytes.byteLength,
})

/** A digest of nothing that exists. */
export const missingDigest = (algorithm = 'sha256'): string => digestOf(freshBytes(), algorithm)

export const manifestOf = (
  config: Uint8Array,
  layers: readonly Uint8Array[],
  algorithm = 'sha256',
): Json => ({
  schemaVersion: 2,
  mediaType: TYPES.image,
  config: descriptor(TYPES.config, config, algorithm),
  layers: layers.map((layer) => descriptor(TYPES.layer, layer, algorithm)),
})

/** The empty JSON object, which every artifact without a config points at. */
export const EMPTY_JSON = textBytes('{}')

/** An artifact: no config, no layers but the empty one. */
export const artifactOf = (artifactType: string, over: Json = {}): Json => ({
  schemaVersion: 2,
  mediaType: TYPES.image,
  artifactType,
  config: descriptor(TYPES.empty, EMPTY_JSON),
  layers: [descriptor(TYPES.empty, EMPTY_JSON)],
  annotations: { unique: Bun.randomUUIDv7() },
  ...over,
})

export const indexOf = (manifests: readonly Json[], over: Json = {}): Json => ({
  schemaVersion: 2,
  mediaType: TYPES.index,
  manifests,
  ...over,
})
