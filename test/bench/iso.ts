// SPDX-License-Identifier: AGPL-3.0-or-later
/** Making of images beside the programs that everybody uses, turn by turn in one run. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSampleBootIso } from '../../plugins/iso/index.ts'

const MiB = 1_048_576

/** Written only, or also brought to the disk and hashed, which ours always are. */
type Extent = 'written' | 'written, synced, sha256'

/** One kind of image, made by one program. */
export interface IsoFigure {
  readonly image: string
  readonly by: string
  /** What is done within the time: a peer neither syncs nor hashes by itself. */
  readonly does: Extent
  readonly ms: number
  readonly peak_rss_bytes: number
  /** Theirs divided by ours: above 1 ours is faster, or smaller. */
  readonly times?: number
  readonly memory_times?: number
}

interface Maker {
  readonly image: string
  readonly by: string
  readonly does: Extent
  /** Images that one run of the command makes; 1 unless given. */
  readonly makes?: number
  command(output: string): readonly string[]
}

async function writeRandom(path: string, sizeBytes: number): Promise<void> {
  const writer = Bun.file(path).writer()
  for (let left = sizeBytes; left > 0; left -= MiB) {
    writer.write(crypto.getRandomValues(new Uint8Array(65_536)))
    for (let part = 1; part < 16; part++) writer.write(new Uint8Array(65_536).fill(part))
    await writer.flush()
  }
  await writer.end()
}

/** The files of a task, and those of a maintenance medium. */
async function writeFolders(folder: string, largeBytes: number) {
  const [task, large] = [join(folder, 'task'), join(folder, 'large')]
  await mkdir(task)
  await mkdir(join(large, 'live'), { recursive: true })
  await Bun.write(join(task, 'job.json'), JSON.stringify({ job: 'x'.repeat(2_000) }))
  await Bun.write(join(task, 'recipe.json'), JSON.stringify({ recipe: 'x'.repeat(4_000) }))
  for (let index = 0; index < 8; index++) {
    await Bun.write(join(task, `file-${index}.cfg`), `${index}`.repeat(3_000))
  }
  await writeRandom(join(large, 'vmlinuz'), 12 * MiB)
  await writeRandom(join(large, 'initrd.img'), 60 * MiB)
  await writeRandom(join(large, 'live', 'rootfs.squashfs'), largeBytes - 72 * MiB)
  return { task, large }
}

const PEERS = { xorriso: ['xorriso', '-as', 'mkisofs'], genisoimage: ['genisoimage'] } as const
/** The quickest that Debian has for it: `sha256sum` takes four times as long. */
const TO_THE_END = '"$@" && sync "$0" && openssl dgst -sha256 "$0"'
/** So that the start of our process does not count: in the appliance it runs. */
const TASKS_A_RUN = 200

/** A peer twice: as it is, and with all that ours does. */
function peerMakers(image: string, by: string, command: Maker['command']): Maker[] {
  return [
    { ...{ image, by, command }, does: 'written' },
    {
      ...{ image, by, does: 'written, synced, sha256' },
      command: (output) => ['sh', '-c', TO_THE_END, output, ...command(output)],
    },
  ]
}

function makersOf(image: string, folder: string, ours: Pick<Maker, 'makes' | 'command'>): Maker[] {
  const flags = ['-quiet', '-J', '-r', '-V', 'BENCH']
  return [
    { ...{ image, by: 'slipway', does: 'written, synced, sha256' }, ...ours },
    ...Object.entries(PEERS).flatMap(([by, program]) =>
      peerMakers(image, by, (output) => [...program, ...flags, '-o', output, folder]),
    ),
  ]
}

const ourCommand = (slipway: readonly string[], folder: string): Pick<Maker, 'command'> => ({
  command: (output) => [...slipway, 'iso', 'build', folder, '-o', output],
})

const ourProcess = (folder: string): Pick<Maker, 'makes' | 'command'> => ({
  makes: TASKS_A_RUN,
  command: (output) => {
    const script = join(import.meta.dir, 'task-process.ts')
    return [process.execPath, script, folder, output, `${TASKS_A_RUN}`]
  },
})

function composers(folder: string, base: string, task: string, files: string): Maker[] {
  const script = join(import.meta.dir, 'compose-process.ts')
  const image = 'composed'
  return [
    {
      ...{ image, by: 'slipway', does: 'written' },
      command: () => [process.execPath, script, base, task, join(folder, 'composed.patch')],
    },
    {
      ...{ image, by: 'xorriso', does: 'written' },
      command: (output) => {
        const [map, keep] = [
          ['-map', files, '/task'],
          ['-boot_image', 'any', 'keep'],
        ]
        return ['xorriso', '-indev', base, '-outdev', output, ...map, ...keep]
      },
    },
  ]
}

/** Debian's `time`: what Bun itself says of a child's memory begins with Bun's own. */
async function measure(command: readonly string[]) {
  const started = performance.now()
  const child = Bun.spawn(['/usr/bin/time', '-f', 'peak %M', ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const errors = await child.stderr.text()
  const code = await child.exited
  const ms = performance.now() - started
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${errors}`)
  return { ms, rss: Number(/^peak (\d+)$/m.exec(errors)?.[1]) * 1_024 }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** All makers of one image, turn by turn. */
async function compare(makers: readonly Maker[], folder: string, runs: number) {
  const taken = makers.map(() => [] as { ms: number; rss: number }[])
  for (let round = 0; round < runs; round++) {
    for (const [index, maker] of makers.entries()) {
      const output = join(folder, 'output.iso')
      await rm(output, { force: true })
      const { ms, rss } = await measure(maker.command(output))
      taken[index]?.push({ ms: ms / (maker.makes ?? 1), rss })
    }
  }
  const rounded = (value: number) => Number(value.toFixed(2))
  const figures = makers.map(({ image, by, does }, index): IsoFigure => {
    const runsOf = taken[index] ?? []
    const ms = median(runsOf.map((run) => run.ms))
    const peak_rss_bytes = Math.max(...runsOf.map((run) => run.rss))
    return { image, by, does, ms: ms < 10 ? rounded(ms) : Math.round(ms), peak_rss_bytes }
  })
  const [ours, ...theirs] = figures
  if (!ours) return figures
  return [
    ours,
    ...theirs.map((figure) => ({
      ...figure,
      times: rounded(figure.ms / ours.ms),
      memory_times: rounded(figure.peak_rss_bytes / ours.peak_rss_bytes),
    })),
  ]
}

/** `slipway`: how it is called. */
export async function benchIso(
  slipway: readonly string[],
  options: { readonly largeBytes: number; readonly runs: number },
): Promise<IsoFigure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'))
  try {
    const { task, large } = await writeFolders(folder, options.largeBytes)
    const [base, taskIso] = [join(folder, 'base.iso'), join(folder, 'task.iso')]
    await writeSampleBootIso(base, { sizeBytes: options.largeBytes })
    await measure([...slipway, 'iso', 'build', task, '-o', taskIso])
    const ofFolder = (
      image: string,
      source: string,
      ours: Parameters<typeof makersOf>[2],
      times = 1,
    ) => compare(makersOf(image, source, ours), folder, options.runs * times)
    return [
      ...(await ofFolder('task, in a running appliance', task, ourProcess(task), 3)),
      ...(await ofFolder('task, by command', task, ourCommand(slipway, task), 3)),
      ...(await ofFolder('large, by command', large, ourCommand(slipway, large))),
      ...(await compare(composers(folder, base, taskIso, task), folder, options.runs)),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
