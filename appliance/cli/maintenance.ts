// SPDX-License-Identifier: AGPL-3.0-or-later
import { open } from 'node:fs/promises'
import { facts } from '../../core/table.ts'
import { ago, localTime, sizeOf } from '../../core/times.ts'
import type { MaintenanceView } from '../../schemas/maintenance.ts'
import type { Client } from './client.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import type { Output } from './output.ts'
import { failure, usageProblem } from './problem.ts'
import { canAsk, confirm } from './prompt.ts'

const PATH = '/api/v1/maintenance'

const buildText = ({ version, commit, commit_date }: NonNullable<MaintenanceView['build']>) =>
  `${version} (${commit}, ${commit_date})`

const lines = (view: MaintenanceView) => [
  ...facts([
    ['volume', view.volume_id],
    ['size', sizeOf(view.size_bytes)],
    ['boots', view.boot.join(', ')],
    ['sha256', view.sha256],
    ['build', view.build && buildText(view.build)],
    ['over', view.build?.base],
    ['executable', view.build?.executable_sha256],
    ['source', view.source],
    ['imported', `${localTime(view.imported_at)} (${ago(view.imported_at, Date.now())})`],
  ]),
  ...(view.warning === undefined ? [] : [`warning: ${view.warning}`]),
]

export const maintenanceShow: CliCommand = {
  words: ['maintenance', 'show'],
  summary: 'the maintenance ISO that machines boot',
  examples: ['slipway maintenance show'],
  async run({ out, client: open }) {
    out.answer(await (await open()).json<MaintenanceView>('GET', PATH), lines)
    return EXIT.ok
  },
}

export const maintenanceRemove: CliCommand = {
  words: ['maintenance', 'remove'],
  summary: 'take the maintenance ISO away; jobs that need it are refused then',
  options: { yes: { short: 'y', summary: 'do not ask' } },
  examples: ['slipway maintenance remove --yes'],
  async run({ flags, out, client: open }) {
    if (!flags.on('yes')) {
      if (!canAsk()) throw usageProblem('without a terminal it needs --yes')
      if (!(await confirm('Take the maintenance ISO away?'))) return EXIT.failure
    }
    await (await open()).request('DELETE', PATH)
    out.answer({ removed: true }, () => ['there is no maintenance ISO any more'])
    return EXIT.ok
  },
}

export const maintenanceImport: CliCommand = {
  words: ['maintenance', 'import'],
  summary: 'give the appliance the ISO that machines boot',
  about:
    'The file is sent piece by piece, and its digest is compared at both ends. The executable of the\nappliance and the ISO are two files of one release: what says that it is of another build is refused.',
  arguments: [{ name: 'FILE', summary: 'bootable ISO 9660 image' }],
  options: {
    sha256: { value: 'HEX', summary: 'refuse the file when its digest is another' },
    'any-build': { summary: 'take it although it is of another build than the appliance' },
  },
  examples: ['slipway maintenance import maintenance.iso'],
  async run({ args: [path = ''], flags, out, client: openClient }) {
    const client = await openClient()
    const file = await openFile(path)
    try {
      const upload = new Upload(file, (await file.stat()).size, out)
      const query = { sha256: flags.text('sha256'), ...(flags.on('any-build') && ANY_BUILD) }
      const view = await send(client, upload, query).finally(() => upload.end())
      if (view.sha256 !== upload.sha256()) {
        throw failure(
          'digest',
          `the appliance received other bytes than ${path} holds: import again`,
        )
      }
      out.answer(view, lines)
      return EXIT.ok
    } finally {
      await file.close()
    }
  },
}

const ANY_BUILD = { any_build: 'true' }

function send(client: Client, upload: Upload, query: Record<string, string | undefined>) {
  return client.json<MaintenanceView>('PUT', PATH, {
    raw: () => upload.stream(),
    query,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(upload.sizeBytes),
    },
    // A large file over a slow line takes what it takes.
    timeoutMs: 0,
  })
}

async function openFile(path: string) {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw failure('file', `cannot read ${path}: ${(cause as Error).message}`, cause)
  })
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw failure('file', `${path} is not a file`)
}

const PIECE_BYTES = 1_048_576

/** The bytes of a file on their way, counted, hashed, and told at a terminal. */
class Upload {
  readonly sizeBytes: number
  readonly #file: Awaited<ReturnType<typeof open>>
  readonly #out: Output
  #hash = new Bun.CryptoHasher('sha256')
  #sent = 0
  #toldAt = 0

  constructor(file: Awaited<ReturnType<typeof open>>, sizeBytes: number, out: Output) {
    this.#file = file
    this.sizeBytes = sizeBytes
    this.#out = out
  }

  /** From the first byte, also when it is called again. */
  stream(): ReadableStream<Uint8Array> {
    this.#hash = new Bun.CryptoHasher('sha256')
    this.#sent = 0
    return new ReadableStream({
      type: 'bytes',
      pull: async (controller) => {
        const piece = new Uint8Array(PIECE_BYTES)
        const { bytesRead } = await this.#file.read(piece, 0, PIECE_BYTES, this.#sent)
        if (bytesRead === 0) return controller.close()
        const bytes = piece.subarray(0, bytesRead)
        this.#hash.update(bytes)
        this.#sent += bytesRead
        this.#tell()
        controller.enqueue(bytes)
      },
    })
  }

  /** Clears the line of the progress. */
  end() {
    if (this.#toldAt > 0) this.#out.raw('\r\x1b[K')
  }

  sha256(): string {
    return this.#hash.digest('hex')
  }

  #tell() {
    const now = Date.now()
    if (!this.#out.live || now - this.#toldAt < 200) return
    this.#toldAt = now
    const percent = this.sizeBytes > 0 ? Math.floor((100 * this.#sent) / this.sizeBytes) : 0
    const text = `${percent} %  ${sizeOf(this.#sent)} of ${sizeOf(this.sizeBytes)}`
    this.#out.raw(`\r\x1b[K${text}`)
  }
}
