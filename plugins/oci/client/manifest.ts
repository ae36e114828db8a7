// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { isDigest } from '../store/digest.ts'
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../store/media-types.ts'
import { clientFaults } from './faults.ts'

export const MEDIA = {
  image: OCI_MANIFEST,
  index: OCI_INDEX,
  dockerImage: DOCKER_MANIFEST,
  dockerIndex: DOCKER_LIST,
  empty: 'application/vnd.oci.empty.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  octets: 'application/octet-stream',
} as const

export const ANNOTATION = {
  title: 'org.opencontainers.image.title',
  refName: 'org.opencontainers.image.ref.name',
  created: 'org.opencontainers.image.created',
  /** As oras marks a folder that it packed. */
  unpack: 'io.deis.oras.content.unpack',
  unpackedDigest: 'io.deis.oras.content.digest',
} as const

/** What a client says that it understands. */
export const ACCEPTED = [MEDIA.index, MEDIA.image, MEDIA.dockerIndex, MEDIA.dockerImage].join(', ')

const isIndexType = (mediaType: string) =>
  mediaType === MEDIA.index || mediaType === MEDIA.dockerIndex
export const isManifestType = (mediaType: string) =>
  isIndexType(mediaType) || mediaType === MEDIA.image || mediaType === MEDIA.dockerImage

const Platform = v.object({
  os: v.optional(v.string(), ''),
  architecture: v.optional(v.string(), ''),
  variant: v.optional(v.string()),
})

/** A pointer: media type, digest, size. */
export const Descriptor = v.object({
  mediaType: v.pipe(v.string(), v.maxLength(255)),
  digest: v.pipe(v.string(), v.check(isDigest, 'no digest of a kind that is known')),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  annotations: v.optional(v.record(v.string(), v.string())),
  urls: v.optional(v.array(v.string())),
  artifactType: v.optional(v.string()),
  platform: v.optional(Platform),
  data: v.optional(v.string()),
})
export type Descriptor = v.InferOutput<typeof Descriptor>

const Document = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  artifactType: v.optional(v.string()),
  config: v.optional(Descriptor),
  layers: v.optional(v.array(Descriptor)),
  manifests: v.optional(v.array(Descriptor)),
  subject: v.optional(Descriptor),
  annotations: v.optional(v.record(v.string(), v.string())),
})

/** A manifest or index, read; its bytes are what counts and what is passed on. */
export interface Manifest {
  readonly kind: 'image' | 'index'
  readonly mediaType: string
  readonly artifactType: string | undefined
  readonly config: Descriptor | undefined
  readonly layers: readonly Descriptor[]
  /** Children of an index. */
  readonly manifests: readonly Descriptor[]
  readonly subject: Descriptor | undefined
  readonly annotations: Readonly<Record<string, string>>
}

/** Reads a manifest of any kind. `said`: the media type it came with. Throws `oci-client.protocol`. */
export function parseManifest(bytes: Uint8Array, said: string, where: string): Manifest {
  const text = new TextDecoder().decode(bytes)
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Document), text)
  if (!parsed.success) {
    const [issue] = parsed.issues
    throw clientFaults.protocol(
      `${where} is no manifest: ${v.getDotPath(issue) ?? 'document'}: ${issue.message}`,
    )
  }
  const { output } = parsed
  const mediaType = output.mediaType ?? (said || (output.manifests ? MEDIA.index : MEDIA.image))
  return {
    kind: isIndexType(mediaType) || output.manifests ? 'index' : 'image',
    mediaType,
    artifactType: output.artifactType,
    config: output.config,
    layers: output.layers ?? [],
    manifests: output.manifests ?? [],
    subject: output.subject,
    annotations: output.annotations ?? {},
  }
}

/** Layers that lie elsewhere by design; registries need not have them. */
export const isForeign = ({ mediaType, urls }: Descriptor) =>
  (urls !== undefined && urls.length > 0) || /\bnondistributable\b|\.foreign\./.test(mediaType)

/** `linux/arm64/v8` */
export const showPlatform = ({ platform }: Descriptor) =>
  platform ? [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/') : ''
