// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { x as extract } from 'tar'
import type { CommandCall, DeclaredCommand } from '../../../core/command.ts'
import { repositoryContent } from '../client/content.ts'
import { clientFaults } from '../client/faults.ts'
import { ANNOTATION, type Descriptor, parseManifest } from '../client/manifest.ts'
import { type PulledFile, planFiles, pullFiles, pullLayout } from '../client/pull.ts'
import { showReference, wanted } from '../client/reference.ts'
import type { TransferOptions } from '../client/transfer.ts'
import { choosePlatform, readTree, type Tree } from '../client/tree.ts'
import { openDoor, type Place, REMOTE_OPTIONS } from './door.ts'
import { interruptible } from './interruptible.ts'
import { showProgress } from './progress.ts'
import { tellDone } from './push.ts'
import { TRANSFER_OPTIONS, transferOptions } from './transfer-options.ts'

export const pullCommand: DeclaredCommand = {
  name: 'pull',
  summary:
    'fetch the files of an artifact, or anything as an OCI layout; goes on where it was cut off',
  about:
    'Files get the names that the artifact gives them, below the folder of -o. What -o names is a\nfolder when it is one or ends with /; else the only file of the artifact gets that name. A file\nappears under its name when its digest was checked, never before.',
  arguments: [{ name: 'REF', summary: '[HOST/]NAME[:TAG][@DIGEST]' }],
  options: {
    output: {
      short: 'o',
      value: 'FILE',
      summary: 'folder or file to write (default: this folder)',
    },
    'oci-layout': { value: 'FOLDER', summary: 'write an OCI layout instead of files' },
    platform: { value: 'OS/ARCH', summary: 'which one of an index' },
    referrers: { summary: 'with --oci-layout: also signatures and other referrers' },
    'no-unpack': { summary: 'leave folders packed as they were pushed' },
    ...TRANSFER_OPTIONS,
    ...REMOTE_OPTIONS,
  },
  examples: [
    'slipway oci pull os/debian:13 -o images/',
    'slipway oci pull os/debian:13 -o disk.raw',
    'slipway oci pull registry.lab:5000/os/debian:13 --oci-layout ./layout --referrers',
  ],
  async call(call) {
    const { args, flags, out, usage } = call
    const folder = flags.text('oci-layout')
    if (folder !== undefined && flags.on('output')) {
      throw usage('--output and --oci-layout exclude each other')
    }
    await using door = openDoor(call)
    const place = await door.place(args[0] ?? '')
    return await interruptible(out, async (signal) => {
      using progress = showProgress(out)
      const options = { ...transferOptions(call, progress), signal }
      const tree = await resolve(call, place, options)
      if (folder === undefined) await pullArtifact(call, place, tree, options)
      else {
        const { registry, repository, tag } = place
        await pullLayout(registry, repository, tree, folder, tag ?? tagless(place), options)
      }
      tellDone(call, { reference: showReference(place), tree, progress })
      return 0
    })
  },
}

const tagless = ({ digest }: Place) => (digest === undefined ? 'latest' : undefined)

/** The tree below a reference, or below one platform of it. */
async function resolve(
  { flags }: CommandCall,
  { registry, repository, ...reference }: Place,
  options: TransferOptions,
): Promise<Tree> {
  const found = await registry.manifest(repository, wanted(reference), options.signal)
  const content = repositoryContent(registry, repository, options)
  const top = { ...found, size: found.bytes.byteLength }
  const platform = flags.text('platform')
  const manifest = parseManifest(found.bytes, found.mediaType, content.name)
  const chosen = platform === undefined ? top : choosePlatform(manifest, platform, content.name)
  return readTree(content, chosen, { referrers: flags.on('referrers') })
}

async function pullArtifact(
  call: CommandCall,
  { registry, repository }: Place,
  tree: Tree,
  options: TransferOptions & { readonly atOnce: number },
): Promise<void> {
  const { manifest } = tree.root
  const output = call.flags.text('output') ?? '.'
  if (manifest.kind === 'index') {
    throw clientFaults.content(
      'this is an index of several manifests: choose with --platform, or take all with --oci-layout',
    )
  }
  const { folder, files } = await filesFor(manifest.layers, planFiles(manifest, output), output)
  const unpacks = ({ layer }: PulledFile) =>
    !call.flags.on('no-unpack') && layer.annotations?.[ANNOTATION.unpack] === 'true'
  for (const { path } of files.filter(unpacks)) await mustBeFree(path)
  const fetched = files.map((file) => (unpacks(file) ? { ...file, path: packed(file.path) } : file))
  await pullFiles(registry, repository, fetched, folder, options)
  for (const { path } of files.filter(unpacks)) await unpack(path)
}

const packed = (path: string) => `${path}.packed`

async function mustBeFree(path: string): Promise<void> {
  if (!(await lstat(path).catch(ignoreMissing))) return
  throw clientFaults.content(`${path} is there already: remove it, or pull to elsewhere`)
}

const ignoreMissing = (error: NodeJS.ErrnoException) => {
  if (error.code === 'ENOENT') return undefined
  throw error
}

async function filesFor(
  layers: readonly Descriptor[],
  files: readonly PulledFile[],
  output: string,
) {
  const isFolder = output.endsWith('/') || (await stat(output).catch(ignoreMissing))?.isDirectory()
  const [layer, ...others] = files.length > 0 ? files.map((file) => file.layer) : layers
  if (
    !isFolder &&
    layer &&
    others.length === 0 &&
    layer.annotations?.[ANNOTATION.unpack] !== 'true'
  ) {
    return { folder: dirname(output), files: [{ path: output, layer }] }
  }
  if (files.length > 0) return { folder: output, files }
  throw clientFaults.content(
    'this holds no files with names, as images do not: take it with --oci-layout',
  )
}

/** A packed folder becomes one; the library leaves out names that lead outside. */
async function unpack(path: string): Promise<void> {
  const unpacked = `${path}.${process.pid}.unpacked`
  try {
    await mkdir(unpacked)
    await extract({ file: packed(path), cwd: unpacked, strip: 1 })
    await mustBeFree(path)
    await rename(unpacked, path)
    await rm(packed(path))
  } finally {
    await rm(unpacked, { recursive: true, force: true })
  }
}
