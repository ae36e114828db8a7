// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, open, readFile, realpath, rename } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import * as v from 'valibot'
import { fetchBlob } from './blob-file.ts'
import { clientFaults } from './faults.ts'
import { blobName, LayoutIndex } from './layout.ts'
import { ANNOTATION, type Descriptor, type Manifest } from './manifest.ts'
import { inParallel } from './pool.ts'
import type { Registry } from './registry.ts'
import { type TransferOptions, unwatched } from './transfer.ts'
import type { Tree } from './tree.ts'

export interface PullOptions extends TransferOptions {
  /** Blobs under way at the same time; 3 unless given. */
  readonly atOnce?: number
}

/** A file that a pull made. */
export interface PulledFile {
  readonly path: string
  readonly layer: Descriptor
}

const AT_ONCE = 3

/** Where each file of an artifact goes. Throws when a title would lead out of the folder. */
export function planFiles(manifest: Manifest, folder: string): readonly PulledFile[] {
  const files = manifest.layers.flatMap((layer) => {
    const title = layer.annotations?.[ANNOTATION.title]
    return title === undefined ? [] : [{ path: join(folder, checkedTitle(title)), layer }]
  })
  const paths = new Set<string>()
  for (const { path } of files) {
    if (paths.has(path)) throw clientFaults.content(`two files of the artifact are called ${path}`)
    paths.add(path)
  }
  return files
}

/** A title is a relative path of plain parts: whoever made the artifact must not choose where we write. */
export function checkedTitle(title: string): string {
  const parts = title.split('/')
  const harmless = parts.every((part) => part !== '' && part !== '.' && part !== '..')
  if (harmless && !/[\p{Cc}\\]/u.test(title) && Buffer.byteLength(title) <= 1024) return title
  throw clientFaults.content(
    `the artifact has a file with the title ${JSON.stringify(title)}, which may lie outside the folder: not pulled`,
  )
}

/** Fetches files, each under its name only when whole. */
export async function pullFiles(
  registry: Registry,
  repository: string,
  files: readonly PulledFile[],
  folder: string,
  options: PullOptions,
): Promise<void> {
  const { watch = unwatched, atOnce = AT_ONCE } = options
  for (const { layer, path } of files) watch.begins(layer, path)
  await mkdir(folder, { recursive: true })
  const root = await realpath(folder)
  for (const { path } of files) await stayInside(root, dirname(path))
  await inParallel(files, atOnce, async ({ layer, path }) => {
    await fetchBlob(registry, repository, layer, path, options)
  })
}

/** Makes the folder, and refuses one that a link takes elsewhere. */
async function stayInside(root: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const real = await realpath(folder)
  if (real !== root && !real.startsWith(root + sep)) {
    throw clientFaults.content(`${folder} leads out of ${root} by a link: not pulled`)
  }
}

/** Fetches a tree into an OCI layout, which may hold others already. */
export async function pullLayout(
  registry: Registry,
  repository: string,
  tree: Tree,
  folder: string,
  tag: string | undefined,
  options: PullOptions,
): Promise<void> {
  const { watch = unwatched, atOnce = AT_ONCE } = options
  for (const blob of tree.blobs)
    watch.begins(blob, blob.annotations?.[ANNOTATION.title] ?? blob.digest)
  await mkdir(folder, { recursive: true })
  await writeWhole(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await inParallel(tree.blobs, atOnce, async (blob) => {
    await fetchBlob(registry, repository, blob, join(folder, blobName(blob.digest)), options)
  })
  for (const { descriptor, fetched } of tree.nodes) {
    const path = join(folder, blobName(descriptor.digest))
    await mkdir(dirname(path), { recursive: true })
    await writeWhole(path, fetched.bytes)
  }
  await addToIndex(folder, tree, tag)
}

async function addToIndex(folder: string, tree: Tree, tag: string | undefined): Promise<void> {
  const path = join(folder, 'index.json')
  const old = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{"schemaVersion":2,"manifests":[]}'
    throw error
  })
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), LayoutIndex), old)
  if (!parsed.success) throw clientFaults.content(`${path} is damaged: remove that layout`)
  const entryOf = ({ descriptor, fetched, manifest }: Tree['root'], name?: string): Descriptor => ({
    ...{ mediaType: manifest.mediaType, digest: descriptor.digest, size: fetched.bytes.byteLength },
    ...(manifest.artifactType === undefined ? {} : { artifactType: manifest.artifactType }),
    ...(name === undefined ? {} : { annotations: { [ANNOTATION.refName]: name } }),
  })
  // Referrers are found by the index alone: nothing points at them.
  const referrers = tree.nodes.filter(({ manifest, depth }) => depth > 0 && manifest.subject)
  const added = [entryOf(tree.root, tag), ...referrers.map((node) => entryOf(node))]
  const keys = new Set(added.map(entryKey))
  const names = new Set(tag === undefined ? [] : [tag])
  const stays = (one: Descriptor | undefined) =>
    one !== undefined &&
    !keys.has(entryKey(one)) &&
    !names.has(one.annotations?.[ANNOTATION.refName] ?? '')
  // As they were written: other tools keep fields of their own there.
  const document = JSON.parse(old) as { readonly manifests?: readonly unknown[] }
  const kept = (document.manifests ?? []).filter((_, at) => stays(parsed.output.manifests[at]))
  const index = { ...document, manifests: [...kept, ...added] }
  await writeWhole(path, JSON.stringify(index))
}

const entryKey = ({ digest, annotations }: Descriptor) =>
  `${digest} ${annotations?.[ANNOTATION.refName] ?? ''}`

/** Appears under its name only when it is whole and on the disk. */
async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.new`
  {
    await using file = await open(temporary, 'w', 0o644)
    await file.writeFile(content)
    await file.sync()
  }
  await rename(temporary, path)
}
