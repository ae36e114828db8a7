// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { Fault, sentence } from '../../core/faults.ts'
import { MiB, SECOND } from '../../core/units.ts'
import { type IsoImage, openIso, TASK_VOLUME_PREFIX } from '../../plugins/iso/index.ts'
import { JobDocument } from '../../schemas/job-document.ts'
import { mediaDevices, openDevice } from './block-devices.ts'
import { dispatchFaults } from './faults.ts'
import { at, type MachineOs } from './machine-os.ts'

/** What a task medium holds. The files carry secrets. */
export interface TaskMedium {
  /** Device or folder. */
  readonly from: string
  readonly job: JobDocument
  /** Every file in its root, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

export interface MediaSearch {
  /** Looked at whatever their label is, beside all others. */
  readonly devices: readonly string[]
  /** Looked at when a medium is mounted there. */
  readonly mountPoint: string
  readonly waitMs: number
  readonly pollMs: number
  readonly isMine: (medium: TaskMedium) => boolean
  readonly tell: (message: string) => void
}

/** A machine with only foreign media has them all by then: controllers attach both in one step. */
const OTHERS_WAIT_MS = 30 * SECOND

/** Sixteen sectors of nothing and the first volume descriptor (ECMA-119 6.2.1). */
const SMALLEST_MEDIUM = 17 * 2_048

/** Larger than any task ISO is allowed to be. */
const LARGEST_FILE = 16 * MiB

/**
 * Waits for the media of jobs: those for this machine; when there are none, those of others, for
 * their report. Throws `dispatch.no-medium`, or `dispatch.medium` when one was there but unreadable.
 */
export async function findTaskMedia(
  os: MachineOs,
  search: MediaSearch,
): Promise<readonly TaskMedium[]> {
  const started = os.elapsed()
  let foreignSince: number | undefined
  let told = ''
  for (;;) {
    const { media, trouble } = await scan(os, search)
    const mine = media.filter(search.isMine)
    if (mine.length > 0) return mine
    if (media.length > 0) foreignSince ??= os.elapsed()
    if (foreignSince !== undefined && os.elapsed() - foreignSince >= OTHERS_WAIT_MS) return media
    if (os.elapsed() - started >= search.waitMs) {
      if (media.length > 0) return media
      throw nothingFound(trouble, search)
    }
    const news = trouble.join('; ')
    if (news !== '' && news !== told) search.tell(news)
    told = news
    await os.pause(search.pollMs)
  }
}

function nothingFound(trouble: readonly string[], { waitMs }: MediaSearch) {
  const [first] = trouble
  if (first !== undefined) return dispatchFaults.medium(`a task medium can not be read: ${first}`)
  return dispatchFaults.noMedium(
    `no medium with a label ${TASK_VOLUME_PREFIX}… turned up in ${waitMs / SECOND} s; look at the virtual media of the controller`,
  )
}

interface Scan {
  readonly media: readonly TaskMedium[]
  readonly trouble: readonly string[]
}

/** One look at everything: media of their own first, then what is composed into the boot medium. */
async function scan(os: MachineOs, search: MediaSearch): Promise<Scan> {
  const own: TaskMedium[] = []
  const composed: TaskMedium[] = []
  const trouble: string[] = []
  const mounted = await fromFolder(os, search.mountPoint)
  if (mounted) own.push(mounted)
  for (const device of new Set([...search.devices, ...(await mediaDevices(os))])) {
    try {
      const found = await fromDevice(os, device, search.devices.includes(device))
      if (found) (found.folder === '' ? own : composed).push(found.medium)
    } catch (error) {
      trouble.push(`${device}: ${sentence(error)}`)
    }
  }
  return { media: [...own, ...composed], trouble }
}

async function fromDevice(os: MachineOs, device: string, anyLabel: boolean) {
  await using opened = await openDevice(os, device).catch(() => undefined)
  // An empty drive, or a device that went away: nothing to be read, now.
  if (!opened || opened.sizeBytes < SMALLEST_MEDIUM) return undefined
  const image = await openIso(opened).catch((error: unknown) => {
    if (error instanceof Fault && error.code === 'iso.not-iso') return undefined
    throw error
  })
  if (!image) return undefined
  const isTask = anyLabel || image.volumeId.startsWith(TASK_VOLUME_PREFIX)
  const folder = isTask && (await image.find('/job.json')) ? '' : '/task'
  if (!(await image.find(`${folder}/job.json`))) return undefined
  const medium = mediumOf(device, await filesOf(image, folder))
  return { folder, medium }
}

async function filesOf(image: IsoImage, folder: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const entry of await image.list()) {
    const name = entry.path.slice(folder.length + 1)
    if (!entry.path.startsWith(`${folder}/`) || name.includes('/') || entry.kind !== 'file')
      continue
    files.set(name, await image.readFile(entry.path, LARGEST_FILE))
  }
  return files
}

async function fromFolder(os: MachineOs, folder: string): Promise<TaskMedium | undefined> {
  const here = at(os, folder)
  const entries = await readdir(here, { withFileTypes: true }).catch(() => [])
  if (!entries.some(({ name }) => name === 'job.json')) return undefined
  const files = new Map<string, Uint8Array>()
  for (const entry of entries) {
    if (entry.isFile()) files.set(entry.name, await readFile(join(here, entry.name)))
  }
  return mediumOf(folder, files)
}

function mediumOf(from: string, files: ReadonlyMap<string, Uint8Array>): TaskMedium {
  const parsed = v.safeParse(JobDocument, parseJson(files.get('job.json')))
  if (parsed.success) return { from, job: parsed.output, files }
  const [issue] = parsed.issues
  const field = issue ? v.getDotPath(issue) : undefined
  throw dispatchFaults.medium(`job.json is not what it ought to be${field ? ` at ${field}` : ''}`)
}

/** A file of a medium as JSON; undefined when it is missing or none. */
export function parseJson(bytes: Uint8Array | undefined): unknown {
  if (!bytes) return undefined
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    // The parser quotes what it read, and that may be a secret.
    return undefined
  }
}
