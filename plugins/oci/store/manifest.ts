// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { ociFaults } from '../errors.ts'
import type { ReferenceKind } from '../tables.ts'
import { type Digest, isDigest } from './digest.ts'
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from './media-types.ts'

/** What a manifest points at. */
export interface Child {
  readonly digest: Digest
  readonly kind: ReferenceKind
  /** Where it stands: `/layers/0`. */
  readonly pointer: string
  /** A layer that clients fetch elsewhere: it may be absent. */
  readonly foreign: boolean
}

/** What we need to know of a manifest; its bytes are kept as they came. */
export interface Manifest {
  readonly mediaType: string
  /** As referrers tell it. */
  readonly artifactType: string | undefined
  readonly configType: string | undefined
  readonly subject: Digest | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
  readonly children: readonly Child[]
}

const Descriptor = v.looseObject({
  mediaType: v.string(),
  digest: v.custom<Digest>((text) => typeof text === 'string' && isDigest(text), 'is no digest'),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  urls: v.optional(v.array(v.string())),
})
type Descriptor = v.InferOutput<typeof Descriptor>

const shared = {
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  artifactType: v.optional(v.string()),
  subject: v.optional(Descriptor),
  annotations: v.nullish(v.record(v.string(), v.string())),
}

const Image = v.looseObject({
  ...shared,
  config: Descriptor,
  layers: v.nullish(v.array(Descriptor), []),
})

const Index = v.looseObject({ ...shared, manifests: v.nullish(v.array(Descriptor), []) })

/** Media types that we can read, by the shape of their JSON. */
const SHAPES: Readonly<Record<string, 'image' | 'index'>> = {
  [OCI_MANIFEST]: 'image',
  [DOCKER_MANIFEST]: 'image',
  [OCI_INDEX]: 'index',
  [DOCKER_LIST]: 'index',
}

const REFUSED: Readonly<Record<string, string>> = {
  'application/vnd.docker.distribution.manifest.v1+json':
    'schema 1 is unsupported: push the image with a client of 2017 or later',
  'application/vnd.docker.distribution.manifest.v1+prettyjws':
    'schema 1 is unsupported: push the image with a client of 2017 or later',
  'application/vnd.oci.artifact.manifest.v1+json':
    'the artifact manifest was taken out of OCI 1.1: push an image manifest with artifactType',
}

const isForeign = ({ mediaType, urls }: Descriptor) =>
  (urls?.length ?? 0) > 0 || /nondistributable|\.foreign\./.test(mediaType)

const childOf = (descriptor: Descriptor, kind: ReferenceKind, pointer: string): Child => ({
  ...{ digest: descriptor.digest, kind, pointer },
  foreign: kind === 'layer' && isForeign(descriptor),
})

const invalid = (message: string) => ociFaults.manifestInvalid(message)

function parse<S extends typeof Image | typeof Index>(schema: S, json: unknown) {
  const parsed = v.safeParse(schema, json)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const path = v.getDotPath(issue)
  throw invalid(`${path ? `${path}: ` : ''}${issue.message}`)
}

function readJsonText(bytes: Uint8Array): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
      return json as Record<string, unknown>
    }
  } catch (cause) {
    throw ociFaults.manifestInvalid('a manifest is JSON, and this is not', { cause })
  }
  throw invalid('a manifest is a JSON object')
}

/** `application/json; charset=utf-8` without what follows the type. */
const bare = (contentType: string | undefined) =>
  contentType?.split(';')[0]?.trim().toLowerCase() || undefined

function mediaTypeOf(contentType: string | undefined, json: Record<string, unknown>): string {
  const said = bare(contentType)
  const own = typeof json['mediaType'] === 'string' ? json['mediaType'] : undefined
  // curl's and browsers' default says nothing about a manifest
  const header = said === 'application/json' && own !== undefined ? undefined : said
  if (header && own && header !== own.toLowerCase()) {
    throw invalid(`Content-Type says ${header}, and mediaType in the manifest says ${own}`)
  }
  if (own ?? header) return own ?? header ?? ''
  if ('manifests' in json) return OCI_INDEX
  if ('config' in json) return OCI_MANIFEST
  throw invalid('neither Content-Type nor the manifest says what this is')
}

/** Types taken without being understood: `allowed` is the configuration's list. */
function shapeOf(mediaType: string, json: object, allowed: ReadonlySet<string>) {
  const shape = SHAPES[mediaType]
  if (shape) return shape
  const refused = REFUSED[mediaType]
  if (refused) throw invalid(refused)
  if (allowed.has(mediaType)) {
    if ('manifests' in json) return 'index'
    return 'config' in json ? 'image' : 'opaque'
  }
  throw invalid(
    `${mediaType} is no manifest that this registry takes: name it in [oci] manifest_types`,
  )
}

/** Reads a manifest. Throws `oci.manifest-invalid` with the place that is wrong. */
export function readManifest(
  bytes: Uint8Array,
  contentType: string | undefined,
  allowed: ReadonlySet<string> = new Set(),
): Manifest {
  const json = readJsonText(bytes)
  const mediaType = mediaTypeOf(contentType, json)
  const shape = shapeOf(mediaType, json, allowed)
  if (shape === 'opaque') {
    const none = { artifactType: undefined, configType: undefined, subject: undefined }
    return { mediaType, ...none, annotations: undefined, children: [] }
  }
  if (shape === 'index') {
    const index = parse(Index, json) as v.InferOutput<typeof Index>
    if ('config' in json || 'layers' in json) throw invalid('an index has no config and no layers')
    return {
      mediaType,
      artifactType: index.artifactType,
      configType: undefined,
      subject: index.subject?.digest,
      annotations: index.annotations ?? undefined,
      children: (index.manifests ?? []).map((each, at) =>
        childOf(each, 'manifest', `/manifests/${at}`),
      ),
    }
  }
  const image = parse(Image, json) as v.InferOutput<typeof Image>
  if ('manifests' in json) throw invalid('an image manifest has no manifests')
  return {
    mediaType,
    artifactType: image.artifactType || image.config.mediaType,
    configType: image.config.mediaType,
    subject: image.subject?.digest,
    annotations: image.annotations ?? undefined,
    children: [
      childOf(image.config, 'config', '/config'),
      ...(image.layers ?? []).map((each, at) => childOf(each, 'layer', `/layers/${at}`)),
    ],
  }
}
