// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Content } from './content.ts'
import { clientFaults } from './faults.ts'
import {
  type Descriptor,
  isForeign,
  isManifestType,
  type Manifest,
  parseManifest,
} from './manifest.ts'
import type { FetchedManifest } from './registry.ts'

/** A manifest with what it points at. */
export interface Node {
  readonly descriptor: Descriptor
  readonly fetched: FetchedManifest
  readonly manifest: Manifest
  /** How many manifests up to the one that was asked for. */
  readonly depth: number
}

/** Everything below one manifest. */
export interface Tree {
  readonly root: Node
  /** Children before parents: in this order a strict registry takes them. */
  readonly nodes: readonly Node[]
  /** Each digest once. */
  readonly blobs: readonly Descriptor[]
  /** Manifests of an index that the place does not have. */
  readonly absent: readonly Descriptor[]
}

export interface TreeOptions {
  /** Also what refers to these manifests: signatures, bills of materials. */
  readonly referrers?: boolean
}

/** More than any honest index nests. */
const DEEPEST = 8

/** Reads all manifests below one. Blobs are only named, not touched. */
export async function readTree(
  content: Content,
  top: Descriptor,
  { referrers = false }: TreeOptions = {},
): Promise<Tree> {
  const nodes = new Map<string, Node>()
  const blobs = new Map<string, Descriptor>()
  const absent: Descriptor[] = []
  const seen = new Set<string>()

  async function visit(descriptor: Descriptor, depth: number): Promise<void> {
    if (seen.has(descriptor.digest)) return
    seen.add(descriptor.digest)
    if (depth > DEEPEST) throw clientFaults.content(`${content.name}: its indexes nest too deeply`)
    const fetched = await content.manifest(descriptor)
    if (!fetched) {
      if (depth === 0) throw clientFaults.notFound(`${content.name} has no ${descriptor.digest}`)
      absent.push(descriptor)
      return
    }
    const said = fetched.mediaType || descriptor.mediaType
    const manifest = parseManifest(fetched.bytes, said, `${content.name}@${descriptor.digest}`)
    for (const child of manifest.manifests) await below(child, depth)
    for (const blob of [manifest.config ?? [], manifest.layers].flat()) {
      if (!isForeign(blob)) blobs.set(blob.digest, blob)
    }
    nodes.set(descriptor.digest, { descriptor, fetched, manifest, depth })
    if (!referrers) return
    for (const referrer of await content.referrers(descriptor.digest))
      await visit(referrer, depth + 1)
  }

  /** An index may point at blobs too, though hardly any does. */
  async function below(child: Descriptor, depth: number) {
    if (isManifestType(child.mediaType)) await visit(child, depth + 1)
    else if (!isForeign(child)) blobs.set(child.digest, child)
  }

  await visit(top, 0)
  const root = nodes.get(top.digest)
  if (!root) throw clientFaults.notFound(`${content.name} has no ${top.digest}`)
  return { root, nodes: [...nodes.values()], blobs: [...blobs.values()], absent }
}

/** The child of an index for one platform, e.g. `linux/arm64`. Throws with what there is. */
export function choosePlatform(
  { manifests }: Manifest,
  platform: string,
  where: string,
): Descriptor {
  const [os, architecture, variant] = platform.split('/')
  const found = manifests.find(
    (one) =>
      one.platform?.os === os &&
      one.platform?.architecture === architecture &&
      (variant === undefined || one.platform?.variant === variant),
  )
  if (found) return found
  const known = manifests
    .map((one) => one.platform && `${one.platform.os}/${one.platform.architecture}`)
    .filter(Boolean)
    .join(', ')
  throw clientFaults.notFound(
    `${where} has nothing for ${platform}; it has ${known || 'no platforms'}`,
  )
}
