// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import * as v from 'valibot'
import { MiB } from '../../../core/units.ts'
import { clientFaults } from './faults.ts'
import { readFileRange } from './file-range.ts'

export interface DigestedFile {
  readonly digest: string
  readonly sizeBytes: number
}

const Known = v.object({ path: v.string(), mark: v.string(), digest: v.string() })

/** Smaller ones are read again faster than a file of ours is. */
const WORTH_REMEMBERING_BYTES = 64 * MiB

/**
 * The SHA-256 of a file. That of a large one is remembered in `folder` while size, times and place
 * of the file stay: who goes on with 10 GB shall not read them twice.
 */
export async function digestFile(
  path: string,
  folder: string,
  onRead: (bytes: number) => void = () => {},
): Promise<DigestedFile> {
  await using file = await open(path, 'r')
  const { size, mtimeNs, ctimeNs, ino, dev } = await file.stat({ bigint: true })
  const sizeBytes = Number(size)
  const mark = [size, mtimeNs, ctimeNs, ino, dev].join(' ')
  const memory = join(folder, `${createHash('sha256').update(resolve(path)).digest('hex')}.json`)
  const remembers = sizeBytes >= WORTH_REMEMBERING_BYTES
  const known = remembers ? await recall(memory) : undefined
  if (known?.mark === mark) {
    onRead(sizeBytes)
    return { digest: known.digest, sizeBytes }
  }
  const hash = new Bun.CryptoHasher('sha256')
  for await (const piece of readFileRange(file, 0, sizeBytes)) {
    hash.update(piece)
    onRead(piece.byteLength)
  }
  const after = await file.stat({ bigint: true })
  if (after.size !== size || after.mtimeNs !== mtimeNs) {
    throw clientFaults.content(`${path} changes while it is read: push it when it is at rest`)
  }
  const digest = `sha256:${hash.digest('hex')}`
  if (remembers) await keep(memory, { path: resolve(path), mark, digest })
  return { digest, sizeBytes }
}

async function recall(memory: string) {
  const text = await readFile(memory, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Known), text)
  return parsed.success ? parsed.output : undefined
}

async function keep(memory: string, known: v.InferOutput<typeof Known>): Promise<void> {
  await mkdir(dirname(memory), { recursive: true, mode: 0o700 })
  await writeFile(`${memory}.${process.pid}`, JSON.stringify(known), { mode: 0o600 })
  await rename(`${memory}.${process.pid}`, memory)
}
