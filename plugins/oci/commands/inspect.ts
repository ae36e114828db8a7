// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../../core/command.ts'
import { facts } from '../../../core/table.ts'
import { sizeOf } from '../../../core/times.ts'
import { repositoryContent } from '../client/content.ts'
import {
  ANNOTATION,
  type Descriptor,
  type Manifest,
  parseManifest,
  showPlatform,
} from '../client/manifest.ts'
import { showReference, wanted } from '../client/reference.ts'
import type { Registry } from '../client/registry.ts'
import { readTree } from '../client/tree.ts'
import { openDoor, REMOTE_OPTIONS } from './door.ts'

/** What refers to a manifest, and what refers to that. */
interface Referrer {
  readonly digest: string
  readonly media_type: string
  readonly artifact_type?: string
  readonly size_bytes: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly referrers: readonly Referrer[]
}

const DEEPEST = 4

export const inspectCommand: DeclaredCommand = {
  name: 'inspect',
  summary: 'what a manifest holds: sizes, platforms, layers, and what refers to it',
  arguments: [{ name: 'REF', summary: '[HOST/]NAME[:TAG][@DIGEST]' }],
  options: REMOTE_OPTIONS,
  examples: ['slipway oci inspect os/debian:13', 'slipway oci inspect os/debian:13 --json'],
  async call(call) {
    const { args, out } = call
    await using door = openDoor(call)
    const { registry, repository, ...reference } = await door.place(args[0] ?? '')
    const found = await registry.manifest(repository, wanted(reference))
    const manifest = parseManifest(
      found.bytes,
      found.mediaType,
      showReference({ ...reference, repository }),
    )
    const content = repositoryContent(registry, repository, { now: Date.now })
    const tree = await readTree(content, { ...found, size: found.bytes.byteLength })
    const total = [...tree.blobs, ...tree.nodes.map(({ descriptor }) => descriptor)].reduce(
      (sum, { size }) => sum + size,
      0,
    )
    const document = {
      reference: showReference({ ...reference, repository }),
      digest: found.digest,
      media_type: manifest.mediaType,
      ...(manifest.artifactType === undefined ? {} : { artifact_type: manifest.artifactType }),
      size_bytes: found.bytes.byteLength,
      total_bytes: total,
      ...(manifest.subject ? { subject: manifest.subject.digest } : {}),
      annotations: manifest.annotations,
      layers: manifest.layers.map(viewOf),
      manifests: manifest.manifests.map(viewOf),
      absent: tree.absent.map(({ digest }) => digest),
      referrers: await referrersOf(registry, repository, found.digest, 1),
    }
    out.answer(document, () => [
      ...facts([
        ['digest', document.digest],
        ['type', manifest.artifactType ?? manifest.mediaType],
        [
          'size',
          `${sizeOf(total)} in ${counted(tree.blobs.length, 'blob')} and ${counted(tree.nodes.length, 'manifest')}`,
        ],
        ['subject', manifest.subject?.digest],
        ...Object.entries(manifest.annotations),
      ]),
      ...contentLines(manifest, document.absent),
      ...(document.referrers.length > 0 ? ['referrers:'] : []),
      ...referrerLines(document.referrers, '  '),
    ])
    return 0
  },
}

const counted = (count: number, one: string) => `${count} ${one}${count === 1 ? '' : 's'}`

const viewOf = (one: Descriptor) => ({
  digest: one.digest,
  media_type: one.mediaType,
  size_bytes: one.size,
  ...(showPlatform(one) ? { platform: showPlatform(one) } : {}),
  ...(one.artifactType === undefined ? {} : { artifact_type: one.artifactType }),
  ...(one.annotations ? { annotations: one.annotations } : {}),
})

function contentLines(manifest: Manifest, absent: readonly string[]): readonly string[] {
  const lines = [...manifest.manifests, ...manifest.layers].map((one) => {
    const name = showPlatform(one) || one.annotations?.[ANNOTATION.title] || one.mediaType
    const gone = absent.includes(one.digest) ? '  (not here)' : ''
    return `  ${one.digest}  ${sizeOf(one.size).padStart(10)}  ${name}${gone}`
  })
  const title = manifest.kind === 'index' ? 'manifests:' : 'layers:'
  return lines.length > 0 ? [title, ...lines] : []
}

async function referrersOf(
  registry: Registry,
  repository: string,
  digest: string,
  depth: number,
): Promise<readonly Referrer[]> {
  if (depth > DEEPEST) return []
  const found: Referrer[] = []
  for await (const one of registry.referrers(repository, digest)) {
    found.push({
      ...{ digest: one.digest, media_type: one.mediaType, size_bytes: one.size },
      ...(one.artifactType === undefined ? {} : { artifact_type: one.artifactType }),
      ...(one.annotations ? { annotations: one.annotations } : {}),
      referrers: await referrersOf(registry, repository, one.digest, depth + 1),
    })
  }
  return found
}

const referrerLines = (referrers: readonly Referrer[], indent: string): readonly string[] =>
  referrers.flatMap((one) => [
    `${indent}${one.digest}  ${one.artifact_type ?? one.media_type}`,
    ...referrerLines(one.referrers, `${indent}  `),
  ])
