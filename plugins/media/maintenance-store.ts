// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs'
import { access, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import type { MediaImage } from '../../core/media.ts'
import { writePrivateFile } from '../../core/private-file.ts'
import type { Version } from '../../schemas/version.ts'
import { mediaFaults } from './faults.ts'
import { judgeBuild } from './maintenance-build.ts'
import { MaintenanceRecord, maintenanceImage } from './maintenance-record.ts'
import { inspectIso, receive } from './receive-iso.ts'

/** An ISO on its way in. */
export interface Incoming {
  readonly body: AsyncIterable<Uint8Array>
  /** Where it came from, for people; no credentials. */
  readonly source: string
  /** Lower-case hex; checked when given. */
  readonly sha256?: string | undefined
  /** Of the body, when the sender said so. */
  readonly announcedBytes?: number
  /** Takes one of ours that is of another build than the appliance. */
  readonly anyBuild?: boolean
}

/** The one maintenance ISO, and older ones that jobs still boot from. */
export interface MaintenanceStore {
  /** Makes the folder, drops what a crash left, and lets go of jobs that are over. */
  open(isOver: (jobId: string) => Promise<boolean>): Promise<void>
  /** Throws `media.storage` when the record or the file was tampered with. */
  current(): Promise<MaintenanceRecord | undefined>
  /** Makes it the current one when it is whole, right and bootable; else leaves nothing. */
  import(incoming: Incoming): Promise<MaintenanceRecord>
  /** False when there was none. */
  remove(): Promise<boolean>
  /** One sentence when the current image is one of ours, but of another build than the appliance. */
  otherBuild(): Promise<string | undefined>
  /** The current image, kept for this job until `release`, even when another replaces it. */
  hold(jobId: string): Promise<MediaImage | undefined>
  release(jobId: string): Promise<void>
  /** Throws `media.storage` when the folder can not be written. */
  check(): Promise<void>
}

const INCOMING = 'incoming-'
const imageName = (sha256: string) => `maintenance-${sha256}.iso`
const IMAGE_NAME = /^maintenance-([0-9a-f]{64})\.iso$/
/** An empty file `JOB.SHA256` says that the job boots from that image. */
const HOLD_NAME = /^(.+)\.([0-9a-f]{64})$/

const isMissing = (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

function refuseOther(build: MaintenanceRecord['build'], own: Version): void {
  const verdict = build && judgeBuild(build, own)
  if (verdict?.isOther) throw mediaFaults.otherBuild(verdict.warning ?? '')
}

/** `folder` is the plugin's own; `own` is what the appliance was built from. */
export function createMaintenanceStore(
  folder: string,
  now: () => number,
  own: Version,
): MaintenanceStore {
  const holds = join(folder, 'holds')
  const recordPath = join(folder, 'current.json')
  const imagePath = (sha256: string) => join(folder, imageName(sha256))

  /** Names of what is being received: the start clears up after an earlier process, not after this one. */
  const coming = new Set<string>()

  /** Changes come one after the other: an image must not go between its choice and its hold. */
  let tail: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = tail.then(work, work)
    tail = turn.catch(() => undefined)
    return turn
  }

  const readRecord = async (): Promise<MaintenanceRecord | undefined> => {
    const text = await readFile(recordPath, 'utf8').catch((cause: unknown) => {
      if (isMissing(cause)) return undefined
      throw mediaFaults.storage(`${recordPath} can not be read`, { cause })
    })
    if (text === undefined) return undefined
    try {
      return v.parse(MaintenanceRecord, JSON.parse(text))
    } catch (cause) {
      const message = `${recordPath} is damaged: import the maintenance ISO again`
      throw mediaFaults.storage(message, { cause })
    }
  }

  const current = async (): Promise<MaintenanceRecord | undefined> => {
    const record = await readRecord()
    if (!record) return undefined
    const path = imagePath(record.sha256)
    const size = await stat(path).then(
      (found) => found.size,
      (cause: unknown) => sentence(cause),
    )
    if (size === record.sizeBytes) return record
    const message = `${path} is gone or was changed (${size}): import the maintenance ISO again`
    throw mediaFaults.storage(message)
  }

  /** Jobs and the image that each holds, as the files in `holds` say: thousands of jobs hold one. */
  const held = new Map<string, string>()
  const holdPath = (jobId: string, sha256: string) => join(holds, `${jobId}.${sha256}`)

  /** Deletes the images that are neither current nor held. */
  const collect = async () => {
    const wanted = new Set(held.values())
    const record = await readRecord()
    if (record) wanted.add(record.sha256)
    for (const name of await readdir(folder)) {
      const sha256 = IMAGE_NAME.exec(name)?.[1]
      if (sha256 && !wanted.has(sha256)) await rm(join(folder, name))
    }
  }

  const letGo = async (jobId: string, sha256: string) => {
    await rm(holdPath(jobId, sha256), { force: true })
    held.delete(jobId)
  }

  /** Gives a received file its name and makes it the current one. */
  const adopt = async (temporary: string, record: MaintenanceRecord) => {
    await rename(temporary, imagePath(record.sha256))
    try {
      // Also brings the new name of the image to the disk: it syncs the folder.
      await writePrivateFile(recordPath, JSON.stringify(record))
    } finally {
      await collect()
    }
  }

  return {
    async open(isOver) {
      await mkdir(holds, { recursive: true, mode: 0o700 })
      for (const name of await readdir(folder)) {
        if (name.startsWith(INCOMING) && !coming.has(name)) await rm(join(folder, name))
      }
      await inTurn(async () => {
        for (const name of await readdir(holds)) {
          const [, jobId, sha256] = HOLD_NAME.exec(name) ?? []
          if (!jobId || !sha256) continue
          held.set(jobId, sha256)
          if (await isOver(jobId)) await letGo(jobId, sha256)
        }
        await collect()
      })
    },
    current,
    async import({ body, source, sha256: expected, announcedBytes, anyBuild = false }) {
      const name = `${INCOMING}${Bun.randomUUIDv7()}`
      const temporary = join(folder, name)
      coming.add(name)
      try {
        const received = await receive(temporary, body, announcedBytes)
        if (expected !== undefined && received.sha256 !== expected) {
          throw mediaFaults.digestMismatch(
            `the ISO has sha256 ${received.sha256}, not ${expected}: it was damaged or is another one`,
          )
        }
        const found = await inspectIso(temporary)
        if (!anyBuild) refuseOther(found.build, own)
        const record = { ...received, ...found, importedAt: now(), source }
        await inTurn(() => adopt(temporary, record))
        return record
      } finally {
        coming.delete(name)
        await rm(temporary, { force: true })
      }
    },
    remove: () =>
      inTurn(async () => {
        const had = await access(recordPath).then(
          () => true,
          () => false,
        )
        await rm(recordPath, { force: true })
        await collect()
        return had
      }),
    async otherBuild() {
      const record = await current()
      const verdict = record?.build && judgeBuild(record.build, own)
      return verdict?.isOther ? verdict.warning : undefined
    },
    hold: (jobId) =>
      inTurn(async () => {
        const record = await current()
        if (!record) return undefined
        await writeFile(holdPath(jobId, record.sha256), '')
        held.set(jobId, record.sha256)
        return maintenanceImage(record, imagePath(record.sha256))
      }),
    release: (jobId) =>
      inTurn(async () => {
        const sha256 = held.get(jobId)
        if (sha256 === undefined) return
        await letGo(jobId, sha256)
        if (![...held.values()].includes(sha256)) await collect()
      }),
    async check() {
      await access(folder, constants.W_OK).catch((cause: unknown) => {
        throw mediaFaults.storage(`${folder} can not be written: check owner and mount`, { cause })
      })
    },
  }
}
