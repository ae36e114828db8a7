// SPDX-License-Identifier: AGPL-3.0-or-later
import { MINUTE } from '../../core/units.ts'
import {
  createTransport,
  type Descriptor,
  type Manifest,
  parseManifest,
  patiently,
  Registry,
  streamBlob,
} from '../../plugins/oci/index.ts'
import type { JobDocument } from '../../schemas/job-document.ts'
import { parseOciReference } from '../../schemas/recipe-oci.ts'
import { stepFaults } from './faults.ts'
import type { StepContext } from './step.ts'

/** Without a byte for so long a machine gives up. A registry may be restarted meanwhile. */
const PATIENCE_MS = 10 * MINUTE

/** Where an image is pulled from. */
export interface Origin {
  readonly url: string
  readonly repository: string
  /** Tag or digest. */
  readonly reference: string
  readonly ca: string | undefined
  readonly authorization: string | undefined
}

const hostOf = (url: string) => URL.parse(url)?.host

const basic = ({ user, password }: { user: string; password: string }) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/**
 * Ours with the job's credential and the pinned CA; any other registry by https, with neither.
 * Throws `step.input`.
 */
export function originOf(ociUrl: string | undefined, job: JobDocument): Origin {
  const parsed = parseOciReference(ociUrl ?? '')
  if ('wrong' in parsed) throw stepFaults.input(`oci_url of the recipe ${parsed.wrong}`)
  const { host, repository, tag, digest } = parsed
  const named = { repository, reference: digest ?? tag ?? 'latest' }
  const own = job.registry?.base_url ?? job.base_urls[0] ?? ''
  const ours = new Set([own, ...job.base_urls].map(hostOf))
  if (host !== undefined && !ours.has(host)) {
    return { ...named, url: `https://${host}`, ca: undefined, authorization: undefined }
  }
  return {
    ...named,
    url: own,
    ca: job.ca_pem,
    authorization: job.registry && basic(job.registry),
  }
}

/** An image that was found, before a byte of it is unpacked. */
export interface Image extends AsyncDisposable {
  readonly layers: readonly Descriptor[]
  /** One on the other, with what they take away; else there is only one. */
  readonly isContainer: boolean
  /** The bytes of a layer, checked; goes on where a connection was cut. */
  open(layer: Descriptor): AsyncIterable<Uint8Array>
}

/** Asks for the manifest. Throws faults of `oci-client`, `step.image`. */
export async function openImage({ recipe, job, os, log }: StepContext): Promise<Image> {
  const origin = originOf(recipe.oci_url, job)
  const { url, ca, authorization, repository } = origin
  const credentials = authorization === undefined ? undefined : { authorization }
  const transport = createTransport({
    origin: new URL(url).origin,
    ca,
    credentials,
    now: os.elapsed,
  })
  await using scope = new AsyncDisposableStack()
  const registry = scope.use(new Registry(transport))
  const patience = { now: os.elapsed, patienceMs: PATIENCE_MS }
  const fetch = async (reference: string): Promise<Manifest> => {
    log(`asking ${url} for ${repository} ${reference}`)
    const told = (fault: Error) => log(`  ${fault.message}; trying again`)
    const { bytes, mediaType } = await patiently({ ...patience, onTrouble: told }, () =>
      registry.manifest(repository, reference),
    )
    return parseManifest(bytes, mediaType, `${repository} ${reference}`)
  }
  const first = await fetch(origin.reference)
  const manifest = first.kind === 'index' ? await fetch(ofThisMachine(first)) : first
  const trouble = (_: Descriptor, fault: Error) => log(`  ${fault.message}; going on`)
  const watch = { begins() {}, stands() {}, ends() {}, trouble }
  const open = scope.move()
  return {
    ...layersOf(manifest, repository),
    open: (layer) => streamBlob(registry, repository, layer, { ...patience, watch }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Names of the OCI image specification for what Node calls otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** The digest of the image for this machine. Throws `step.image` with what the index has. */
export function ofThisMachine(index: Manifest, arch: string = process.arch): string {
  const wanted = ARCHITECTURES[arch] ?? arch
  const images = index.manifests.filter(({ platform }) => platform?.os !== 'unknown')
  const found = images.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === wanted,
  )
  const only = images.length === 1 && !images[0]?.platform ? images[0] : undefined
  const chosen = found ?? only
  if (chosen) return chosen.digest
  const has = images.map(({ platform }) => `${platform?.os}/${platform?.architecture}`).join(', ')
  throw stepFaults.image(
    `the image is for ${has || 'nothing'}, and this machine is linux/${wanted}`,
  )
}

const CONTAINER_LAYER = /^application\/vnd\.(oci\.image\.layer\.|docker\.image\.rootfs\.)/
const CONTAINER_CONFIG = /^application\/vnd\.(oci\.image\.config|docker\.container\.image)\./
/** What a title or media type of a root file system has in it. */
const ROOT_FILE = /\.(tar|tgz|raw|img)\b|[./+]tar\b|rootfs/i

const titleOf = ({ annotations }: Descriptor) =>
  annotations?.['org.opencontainers.image.title'] ?? ''

/** The layers that make up the root file system. Pure. Throws `step.image`. */
export function layersOf(
  { config, layers }: Pick<Manifest, 'config' | 'layers'>,
  name: string,
): Pick<Image, 'layers' | 'isContainer'> {
  const isContainer =
    CONTAINER_CONFIG.test(config?.mediaType ?? '') &&
    layers.length > 0 &&
    layers.every(({ mediaType }) => CONTAINER_LAYER.test(mediaType))
  if (isContainer) return { layers, isContainer }
  const likely = layers.filter(
    (layer) => ROOT_FILE.test(titleOf(layer)) || ROOT_FILE.test(layer.mediaType),
  )
  const chosen = layers.length === 1 ? layers : likely
  if (chosen.length === 1) return { layers: chosen, isContainer }
  const files = layers.map((layer) => titleOf(layer) || layer.mediaType).join(', ')
  throw stepFaults.image(
    `${name} is neither a container image nor an artifact with one root file system: it holds ${files || 'nothing'}`,
  )
}
