// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { stepFaults } from './faults.ts'
import type { Layer } from './layer.ts'
import { WITHOUT_MARKS } from './layer.ts'
import { commandFault, type StepContext } from './step.ts'

type Bytes = AsyncIterable<Uint8Array>

interface Packing {
  readonly magic: readonly number[]
  readonly command: readonly string[]
}

/** By the first bytes: media types and names say many things. */
const PACKINGS: readonly Packing[] = [
  { magic: [0x1f, 0x8b], command: ['gzip', '--decompress', '--stdout'] },
  // Without --long it refuses what was packed with a window over 128 MiB.
  {
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    command: ['zstd', '--decompress', '--stdout', '--long=31', '--quiet'],
  },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], command: ['xz', '--decompress', '--stdout'] },
  { magic: [0x42, 0x5a, 0x68], command: ['bzip2', '--decompress', '--stdout'] },
]

/** Enough to see what is inside: the marks of a disk with 4 KiB sectors end here. */
const HEAD_BYTES = 4_608

/** What the first bytes are of. */
export type Content = 'tar' | 'disk' | 'unknown'

const ascii = (bytes: Uint8Array, at: number, length: number) =>
  new TextDecoder('latin1').decode(bytes.subarray(at, at + length))

/** Tells a tar archive from the image of a whole disk. */
export function contentKind(head: Uint8Array): Content {
  if (ascii(head, 257, 5) === 'ustar') return 'tar'
  const gpt = [512, 4_096].some((at) => ascii(head, at, 8) === 'EFI PART')
  if (gpt || (head[510] === 0x55 && head[511] === 0xaa)) return 'disk'
  return 'unknown'
}

/** The first bytes of a stream, and the stream with them still in it. */
export async function peek(
  source: Bytes,
  bytes: number,
): Promise<{ head: Uint8Array; all: Bytes }> {
  const iterator = source[Symbol.asyncIterator]()
  const pieces: Uint8Array[] = []
  let size = 0
  while (size < bytes) {
    const { done, value } = await iterator.next()
    if (done) break
    pieces.push(value)
    size += value.length
  }
  async function* all() {
    try {
      yield* pieces
      for (;;) {
        const { done, value } = await iterator.next()
        if (done) return
        yield value
      }
    } finally {
      await iterator.return?.()
    }
  }
  return { head: Buffer.concat(pieces), all: all() }
}

/** A program at work on a stream. */
class Pipe implements AsyncDisposable {
  readonly #command: readonly string[]
  readonly #child: ChildProcess
  readonly #ended: Promise<number>
  #said = ''

  constructor(command: readonly string[], output: 'pipe' | 'ignore') {
    const [program = '', ...args] = command
    this.#command = command
    this.#child = spawn(program, args, {
      stdio: ['pipe', output, 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    })
    this.#child.stderr?.on('data', (piece: Buffer) => {
      this.#said = (this.#said + piece.toString()).slice(-4_000)
    })
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#said = error.message
        resolve(127)
      })
      this.#child.once('close', (code, signal) => resolve(code ?? (signal ? 128 : 1)))
    })
  }

  /** All of the source into the program. What ails the source goes before what ails the program. */
  async fill(source: Bytes): Promise<void> {
    let fault: { readonly error: unknown } | undefined
    async function* watched() {
      try {
        yield* source
      } catch (error) {
        fault = { error }
        throw error
      }
    }
    const { stdin } = this.#child
    if (!stdin) throw new Error(`${this.#command[0]} takes no input`)
    const broken = await pipeline(Readable.from(watched()), stdin).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    if (fault) throw fault.error
    // A program that has what it wants, or died, closes its end: its status tells which.
    if (broken && (await this.#ended) === 0) return
    if (broken) await this.end()
  }

  async *output(): AsyncGenerator<Uint8Array> {
    if (this.#child.stdout) yield* this.#child.stdout
  }

  /** Throws `step.command` or `step.disk-full` when the program did not succeed. */
  async end(): Promise<void> {
    const code = await this.#ended
    if (code !== 0) throw commandFault(this.#command, code, this.#said)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

/** The bytes as they were before somebody packed them. */
export async function* unpacked(source: Bytes): AsyncGenerator<Uint8Array> {
  const { head, all } = await peek(source, 6)
  const packing = PACKINGS.find(({ magic }) => magic.every((byte, at) => head[at] === byte))
  if (!packing) {
    yield* all
    return
  }
  await using pipe = new Pipe(packing.command, 'pipe')
  const filled = pipe.fill(all)
  // Awaited below: a fault of the source must not be lost while the output is read.
  filled.catch(() => undefined)
  yield* pipe.output()
  await filled
  await pipe.end()
}

const TAR = [
  ...['tar', '--extract', '--file=-', '--numeric-owner', '--same-owner', '--preserve-permissions'],
  ...['--xattrs', '--xattrs-include=*', '--acls', '--sparse', '--delay-directory-restore'],
]

/** A stream as it was before somebody packed it, and what is in it. */
export async function opened(source: Bytes): Promise<{ kind: Content; all: Bytes }> {
  const { head, all } = await peek(unpacked(source), HEAD_BYTES)
  return { kind: contentKind(head), all }
}

/** Unpacks one layer below the root, in constant memory. `layer` watches it when it is not the first. */
export async function unpackTar(
  { log }: Pick<StepContext, 'log'>,
  { kind, all }: { readonly kind: Content; readonly all: Bytes },
  root: string,
  layer: Layer | undefined,
): Promise<void> {
  if (kind !== 'tar') throw notTar(kind)
  const command = [...TAR, WITHOUT_MARKS, `--directory=${root}`]
  log(`+ ${command.join(' ')}`)
  await using pipe = new Pipe(command, 'ignore')
  await pipe.fill(layer ? watched(all, layer) : all)
  await pipe.end()
  await layer?.settle()
}

async function* watched(source: Bytes, layer: Layer): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    await layer.passing(piece)
    yield piece
  }
}

function notTar(kind: Content) {
  const what = kind === 'disk' ? 'the image of a whole disk' : 'neither a tar archive nor a disk'
  return stepFaults.image(
    `a layer of the image is ${what}: install-linux.target takes a root file system as tar, or one image of a whole disk, packed with gzip, zstd, xz or not at all`,
  )
}
