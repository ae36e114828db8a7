// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Content } from './content.ts'
import { checkDigest } from './digest-check.ts'
import { clientFaults } from './faults.ts'
import { type LayoutFiles, openLayoutFiles } from './layout-files.ts'
import { ANNOTATION, Descriptor, isManifestType, parseManifest } from './manifest.ts'
import { readBytes } from './read-text.ts'

/** image-spec v1.1.1, "Image Layout". */
export interface Layout extends AsyncDisposable {
  readonly content: Content
  readonly manifests: readonly Descriptor[]
}

export const LayoutIndex = v.object({
  schemaVersion: v.literal(2),
  manifests: v.optional(v.array(Descriptor), []),
})

export const blobName = (digest: string) => `blobs/${digest.replace(':', '/')}`

/** Is an OCI layout there, as a folder or as a tar (`oci-archive:` of other tools)? */
export async function isLayout(path: string): Promise<boolean> {
  await using files = await openLayoutFiles(path)
  return (await files.sizeOf('oci-layout')) !== undefined
}

/** Opens a layout to read from; bytes are checked against their digests when they are manifests. */
export async function openLayout(path: string): Promise<Layout> {
  const files = await openLayoutFiles(path)
  try {
    const { manifests } = await readIndex(files, path)
    return {
      manifests,
      content: layoutContent(files, path, manifests),
      [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
    }
  } catch (error) {
    await files[Symbol.asyncDispose]()
    throw error
  }
}

/** The manifest of that tag; without one, or without such a tag, the only one there is. */
export function chooseManifest({ manifests }: Layout, tag: string | undefined, where: string) {
  const named = manifests.filter((one) => nameOf(one) === tag || one.digest === tag)
  const candidates = named.length > 0 ? named : manifests
  const [first, ...others] = candidates
  if (first && (others.length === 0 || named.length > 0)) return first
  if (!first) throw clientFaults.content(`${where} is a layout without manifests`)
  const names = manifests.map((one) => nameOf(one) ?? one.digest).join(', ')
  throw clientFaults.content(`${where} holds several manifests: name one with --from (${names})`)
}

/** containers/image writes whole references here, oras tags. */
const nameOf = ({ annotations }: Descriptor) => annotations?.[ANNOTATION.refName]

async function readIndex(files: LayoutFiles, path: string) {
  const size = await files.sizeOf('index.json')
  if (size === undefined || (await files.sizeOf('oci-layout')) === undefined) {
    throw clientFaults.content(`${path} is no OCI layout: it has no oci-layout and index.json`)
  }
  const text = new TextDecoder().decode(await readBytes(files.read('index.json', 0, size)))
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), LayoutIndex), text)
  if (parsed.success) return parsed.output
  throw clientFaults.content(`${path}: index.json is damaged: ${parsed.issues[0].message}`)
}

function layoutContent(
  files: LayoutFiles,
  path: string,
  manifests: readonly Descriptor[],
): Content {
  const manifest: Content['manifest'] = async ({ digest, mediaType }) => {
    const name = blobName(digest)
    const size = await files.sizeOf(name)
    if (size === undefined) return undefined
    const bytes = await readBytes(files.read(name, 0, size))
    const check = checkDigest(digest)
    check.update(bytes)
    check.settle(`${path}/${name}`)
    return { bytes, mediaType, digest }
  }
  const refersTo = async (one: Descriptor, digest: string) => {
    const found = await manifest(one)
    return found && parseManifest(found.bytes, one.mediaType, path).subject?.digest === digest
  }
  return {
    name: path,
    manifest,
    blob: (blob) => ({
      blob,
      name: blob.annotations?.[ANNOTATION.title] ?? blob.digest,
      async *open(fromBytes, toBytes) {
        const size = await files.sizeOf(blobName(blob.digest))
        if (size !== blob.size) {
          const is = size === undefined ? 'is missing' : `has ${size} bytes instead of ${blob.size}`
          throw clientFaults.content(
            `${path}: the blob ${blob.digest} ${is}: make the layout again`,
          )
        }
        yield* files.read(blobName(blob.digest), fromBytes, toBytes)
      },
    }),
    async referrers(digest) {
      const found: Descriptor[] = []
      for (const one of manifests) {
        if (!isManifestType(one.mediaType)) continue
        if (await refersTo(one, digest)) found.push(one)
      }
      return found
    },
  }
}
