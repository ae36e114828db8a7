// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rm, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { CommandCall, DeclaredCommand } from '../../../core/command.ts'
import { type ArtifactFile, packArtifact } from '../client/artifact.ts'
import type { Content } from '../client/content.ts'
import { clientFaults } from '../client/faults.ts'
import { digestFile } from '../client/file-digest.ts'
import { chooseManifest, isLayout, openLayout } from '../client/layout.ts'
import { ANNOTATION, type Descriptor } from '../client/manifest.ts'
import { pushTree } from '../client/push.ts'
import { showReference, wanted } from '../client/reference.ts'
import { readTree } from '../client/tree.ts'
import { openUploadMemory } from '../client/upload-memory.ts'
import { digestOf } from '../store/digest.ts'
import { cacheFolder } from './client-folder.ts'
import { openDoor, type Place, REMOTE_OPTIONS } from './door.ts'
import { interruptible } from './interruptible.ts'
import { packFolder } from './packed-folder.ts'
import { type Progress, showProgress } from './progress.ts'
import { TRANSFER_OPTIONS, transferOptions } from './transfer-options.ts'

/** What oras takes where nobody says otherwise, so that either tool pulls what the other pushed. */
const UNKNOWN_ARTIFACT = 'application/vnd.unknown.artifact.v1'
const FILE_TYPE = 'application/vnd.oci.image.layer.v1.tar'
const GZIP_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip'

export const pushCommand: DeclaredCommand = {
  name: 'push',
  summary: 'push files as an artifact, or a whole OCI layout; goes on where it was cut off',
  about:
    'Files and folders become one artifact, as oras makes it. An OCI layout (a folder, or a tar as\nskopeo writes for oci-archive:) is copied as it is. After a cut connection, a restart of the\nregistry or a kill of this command, the same line sends what is missing and no more. REF without a\nhost is a repository of the appliance.',
  arguments: [
    { name: 'FILE', summary: 'file, folder, OCI layout or archive of one' },
    { name: 'REF', summary: '[HOST/]NAME[:TAG]; before it further files may stand', many: true },
  ],
  options: {
    'artifact-type': { value: 'TYPE', summary: 'what the artifact is, as a media type' },
    'media-type': { value: 'TYPE', summary: 'media type of its files' },
    annotation: { value: 'NAME=VALUE', repeat: true, summary: 'annotation of the manifest' },
    compress: {
      value: 'HOW',
      choices: ['gzip', 'no'],
      summary: 'how folders are packed (default gzip); files are sent as they are',
    },
    'as-file': { summary: 'push an archive or layout folder as a file, not what it holds' },
    from: { value: 'TAG', summary: 'which manifest of a layout that holds several' },
    referrers: { summary: 'with a layout: also its signatures and other referrers' },
    ...TRANSFER_OPTIONS,
    ...REMOTE_OPTIONS,
  },
  examples: [
    'slipway oci push disk.raw os/debian:13 --artifact-type application/vnd.acme.disk',
    'slipway oci push ./layout os/debian:13 --referrers',
    'slipway oci push debian.oci.tar registry.lab:5000/os/debian:13',
  ],
  async call(call) {
    const { args, flags, out, usage } = call
    const paths = args.slice(0, -1)
    const [first = ''] = paths
    if (paths.length === 0) throw usage('a file and a reference are needed')
    await using door = openDoor(call)
    const place = await door.place(args.at(-1) ?? '')
    if (place.digest) throw usage('a push goes to a tag: the digest follows from the content')
    return await interruptible(out, async (signal) => {
      using progress = showProgress(out)
      for (const path of paths) await mustExist(path)
      const whole = paths.length === 1 && !flags.on('as-file') && (await isLayout(first))
      return whole
        ? await pushLayout(call, place, first, progress, signal)
        : await pushFiles(call, place, paths, progress, signal)
    })
  },
}

async function mustExist(path: string): Promise<void> {
  await stat(path).catch((cause: unknown) => {
    throw clientFaults.content(`cannot read ${path}: ${(cause as Error).message}`, { cause })
  })
}

async function pushLayout(
  call: CommandCall,
  place: Place,
  path: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  for (const option of ['artifact-type', 'media-type', 'annotation', 'compress']) {
    if (call.flags.on(option)) {
      throw call.usage(`--${option} is for files; a layout is pushed as it is (or --as-file)`)
    }
  }
  await using layout = await openLayout(path)
  const top = chooseManifest(layout, call.flags.text('from') ?? place.tag, path)
  return await send(call, place, layout.content, top, progress, signal)
}

async function pushFiles(
  call: CommandCall,
  place: Place,
  paths: readonly string[],
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const packed = join(cacheFolder(call.env), 'packed', String(process.pid))
  try {
    const files: ArtifactFile[] = []
    for (const path of paths)
      files.push(await artifactFile(call, path, { packed, progress, signal }))
    const twice = files.find(({ title }, at) => files.findIndex((o) => o.title === title) !== at)
    if (twice) throw call.usage(`two files are called ${twice.title}`)
    const { content, descriptor } = packArtifact({
      files,
      artifactType: call.flags.text('artifact-type') ?? UNKNOWN_ARTIFACT,
      annotations: annotationsOf(call),
    })
    return await send(call, place, content, descriptor, progress, signal)
  } finally {
    await rm(packed, { recursive: true, force: true })
  }
}

interface Reading {
  /** Folder for what has to be packed first. */
  readonly packed: string
  readonly progress: Progress
  readonly signal: AbortSignal
}

async function artifactFile(
  call: CommandCall,
  path: string,
  { packed, progress, signal }: Reading,
): Promise<ArtifactFile> {
  const { flags, env } = call
  const title = basename(resolve(path))
  const memory = join(cacheFolder(env), 'digests')
  const given = flags.text('media-type')
  if (!(await stat(path)).isDirectory()) {
    let read = 0
    const { size } = await stat(path)
    const { digest, sizeBytes } = await digestFile(path, memory, (bytes) => {
      signal.throwIfAborted()
      read += bytes
      progress.reads(path, read, size)
    })
    return { path, title, digest, sizeBytes, mediaType: given ?? FILE_TYPE }
  }
  const gzip = flags.text('compress') !== 'no'
  const file = join(packed, `${digestOf(new TextEncoder().encode(resolve(path))).slice(7)}.tar`)
  await mkdir(packed, { recursive: true, mode: 0o700 })
  await packFolder(path, file, gzip)
  const { digest, sizeBytes } = await digestFile(file, memory)
  return {
    ...{ path: file, title, digest, sizeBytes },
    mediaType: given ?? (gzip ? GZIP_TYPE : FILE_TYPE),
    annotations: { [ANNOTATION.unpack]: 'true' },
  }
}

function annotationsOf({ flags, usage }: CommandCall): Readonly<Record<string, string>> {
  const pairs = flags.list('annotation').map((pair) => {
    const equals = pair.indexOf('=')
    if (equals < 1) throw usage(`--annotation is NAME=VALUE, not \`${pair}\``)
    return [pair.slice(0, equals), pair.slice(equals + 1)] as const
  })
  return Object.fromEntries(pairs)
}

async function send(
  call: CommandCall,
  place: Place,
  content: Content,
  top: Descriptor,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const { env, flags, out } = call
  const { registry, repository } = place
  const tree = await readTree(content, top, { referrers: flags.on('referrers') })
  if (tree.absent.length > 0) {
    out.note(`${tree.absent.length} manifests of the index are not in the layout and not pushed`)
  }
  await registry.ping(signal)
  const memory = await openUploadMemory(join(cacheFolder(env), 'uploads'), Date.now)
  const options = { ...transferOptions(call, progress), signal, memory }
  const tag = wanted(place)
  await pushTree(registry, repository, content, tree, tag, options)
  const reference = showReference({ ...place, tag })
  tellDone(call, { reference, tree, progress })
  return 0
}

interface Done {
  readonly reference: string
  readonly tree: Awaited<ReturnType<typeof readTree>>
  readonly progress: Progress
}

/** The last line: what is where now. */
export function tellDone({ out }: CommandCall, { reference, tree, progress }: Done): void {
  const { digest } = tree.root.descriptor
  out.print(`${reference}@${digest}`)
  if (!out.json) return
  const done = {
    event: 'done',
    reference,
    digest,
    media_type: tree.root.manifest.mediaType,
    manifests: tree.nodes.length,
    blobs: progress.outcomes,
    moved_bytes: progress.movedBytes,
  }
  out.raw(`${JSON.stringify(done)}\n`)
}
