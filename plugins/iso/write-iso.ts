// SPDX-License-Identifier: AGPL-3.0-or-later
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { sentence } from '../../core/faults.ts'
import { KiB } from '../../core/units.ts'
import { LARGEST_PATCHED, withBootInfoTable } from './boot-info-table.ts'
import { isoFaults } from './faults.ts'
import { type Fill, ImageSink } from './image-sink.ts'
import { type IsoLayout, type IsoOptions, planIso } from './layout.ts'
import { SECTOR } from './sector.ts'
import { structures } from './structures.ts'
import type { IsoFile } from './tree.ts'

export interface WrittenIso {
  readonly sizeBytes: number
  /** Lower-case hex, of all bytes. */
  readonly sha256: string
}

/** A source that is gone, grew or shrank since it was planned, or fails: not the fault of the destination. */
const unreadable = (source: string, path: string, cause?: unknown) =>
  isoFaults.source(
    `${source}, meant as ${path}, can not be read as it was planned${cause === undefined ? '' : ` (${sentence(cause)})`}; try again`,
    cause === undefined ? {} : { cause },
  )

/** Opens a file that still has its planned size. */
async function openPlanned(source: string, { path, sizeBytes }: IsoFile): Promise<FileHandle> {
  const file = await open(source, 'r').catch((cause: unknown) => {
    throw unreadable(source, path, cause)
  })
  if ((await file.stat()).size === sizeBytes) return file
  await file.close()
  throw unreadable(source, path)
}

/** Fills a buffer from an open file; one that shrank since has no place. */
const fillFrom =
  (file: FileHandle, source: string, path: string): Fill =>
  async (room, at) => {
    for (let done = 0; done < room.length; ) {
      const { bytesRead } = await file
        .read(room, done, room.length - done, at + done)
        .catch((cause: unknown) => {
          throw unreadable(source, path, cause)
        })
      if (bytesRead === 0) throw unreadable(source, path)
      done += bytesRead
    }
  }

/** Up to this size the next file is opened before one has been read, in bytes. */
const SMALL = 64 * KiB
/** Small files that are open at once. */
const MOST_OPEN = 16

/** Many small files are read at once: each alone would wait for its open, its read and its close. */
class SmallFiles {
  readonly #open = new Set<Promise<void>>()

  async copy(source: string, file: IsoFile, sink: ImageSink): Promise<void> {
    while (this.#open.size >= MOST_OPEN) await Promise.race(this.#open)
    await sink.begin(file.sizeBytes, (room, at) => {
      const read = this.#read(source, file, room, at)
      const ended = read.catch(() => undefined).finally(() => this.#open.delete(ended))
      this.#open.add(ended)
      return read
    })
  }

  async #read(source: string, planned: IsoFile, room: Uint8Array, at: number): Promise<void> {
    await using file = await openPlanned(source, planned)
    await fillFrom(file, source, planned.path)(room, at)
  }
}

async function copyFile(
  source: string,
  planned: IsoFile,
  sink: ImageSink,
  small: SmallFiles,
): Promise<void> {
  if (planned.sizeBytes <= SMALL) return small.copy(source, planned, sink)
  await using file = await openPlanned(source, planned)
  await sink.copy(planned.sizeBytes, fillFrom(file, source, planned.path))
}

/** Pieces as they come; they must come to the size that was planned. */
async function copyPieces(
  pieces: Iterable<Uint8Array>,
  { path, sizeBytes }: IsoFile,
  sink: ImageSink,
): Promise<void> {
  let left = sizeBytes
  for (const piece of pieces) {
    left -= piece.length
    if (left < 0) break
    await sink.write(piece)
  }
  if (left !== 0)
    throw isoFaults.source(
      `the pieces of ${path} do not come to ${sizeBytes} bytes; correct its size`,
    )
}

async function copyContent(file: IsoFile, sink: ImageSink, small: SmallFiles): Promise<void> {
  const { content } = file
  if (content instanceof Uint8Array) await sink.write(content)
  else if ('file' in content) await copyFile(content.file, file, sink, small)
  else await copyPieces(content.pieces(), file, sink)
}

async function patchedBytes({ content, path, sizeBytes }: IsoFile, lba: number) {
  if (sizeBytes > LARGEST_PATCHED)
    throw isoFaults.tooLarge(`the BIOS image ${path} is larger than 32 MiB; name the right file`)
  const bytes =
    content instanceof Uint8Array
      ? content
      : 'file' in content
        ? await readFile(content.file).catch((cause: unknown) => {
            throw unreadable(content.file, path, cause)
          })
        : Uint8Array.from(Buffer.concat([...content.pieces()]))
  if (bytes.length !== sizeBytes)
    throw isoFaults.source(`the BIOS image ${path} changed while it was read; try again`)
  return withBootInfoTable(bytes, lba)
}

async function emit(layout: IsoLayout, sink: ImageSink): Promise<void> {
  for (const { lba, bytes } of structures(layout)) {
    await sink.padTo(lba)
    await sink.write(bytes)
  }
  const small = new SmallFiles()
  for (const [file, lba] of layout.files) {
    if (file.sizeBytes === 0) continue
    await sink.padTo(lba)
    if (file === layout.patched) await sink.write(await patchedBytes(file, lba))
    else await copyContent(file, sink, small)
  }
  await sink.padTo(layout.sizeBytes / SECTOR)
}

export interface WriteOptions {
  /** Of the new file, whatever the umask; default 0644. */
  readonly mode?: number
  /** Where the image grows, beside its destination; what a crash left there is overwritten. A name of its own by default. */
  readonly temporary?: string
}

async function writeTemporary(temporary: string, layout: IsoLayout, mode: number): Promise<string> {
  await rm(temporary, { force: true })
  await using file = await open(temporary, 'wx', mode)
  // The umask may have taken bits away.
  await file.chmod(mode)
  const sink = new ImageSink(file, layout.sizeBytes)
  try {
    await emit(layout, sink)
    return await sink.end()
  } finally {
    await sink.abandon()
  }
}

/** Writes a planned image; it appears under its name only when whole. */
export async function writePlanned(
  destination: string,
  layout: IsoLayout,
  { mode = 0o644, temporary = `${destination}.${Bun.randomUUIDv7()}.part` }: WriteOptions = {},
): Promise<WrittenIso> {
  try {
    const sha256 = await writeTemporary(temporary, layout, mode)
    await rename(temporary, destination)
    return { sizeBytes: layout.sizeBytes, sha256 }
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause
    throw isoFaults.destination(
      `${destination} can not be written (${cause.message}); make room or correct the path`,
      { cause },
    )
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Writes an ISO 9660 image with Rock Ridge, Joliet and, if asked, El Torito. Same options and files, same bytes. Constant memory. */
export async function writeIso(
  destination: string,
  options: IsoOptions & WriteOptions,
): Promise<WrittenIso> {
  return await writePlanned(destination, await planIso(options), options)
}
