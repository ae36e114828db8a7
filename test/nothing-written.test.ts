// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Wrong machine, wrong disk, a disk that is not empty, a claim that is refused: not one byte is
 * written. Machines, disks, recipes and answers are generated; an oracle of a few lines says what
 * must come of each.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestDisk, testMachine } from '../appliance/dispatcher/test-bed.ts'
import { host } from '../appliance/dispatcher-steps/test-bed.ts'
import { writeIso } from '../plugins/iso/index.ts'

const CASES = 500
const MiB = 1_048_576

/** What is on a disk, made by the tools that people use. `empty`: may be erased without consent. */
const CONTENTS: readonly {
  readonly name: string
  readonly empty: boolean
  readonly make: string
}[] = [
  { name: 'zeros', empty: true, make: 'true' },
  {
    name: 'noise',
    empty: true,
    make: 'head -c 65536 /dev/zero | tr "\\0" "x" | dd of=$D conv=notrunc bs=64k seek=3',
  },
  { name: 'gpt', empty: false, make: 'sgdisk --clear --new=1:2048:4095 $D' },
  { name: 'mbr', empty: false, make: 'printf "2048,2048,83\\n" | sfdisk -q $D' },
  { name: 'ext4', empty: false, make: 'mkfs.ext4 -q -F $D' },
  { name: 'vfat', empty: false, make: 'mkfs.vfat $D' },
  { name: 'ntfs', empty: false, make: 'mkfs.ntfs -q -Q -F $D 2>&1' },
  { name: 'swap', empty: false, make: 'mkswap $D' },
  // Linux RAID 1.2: magic, version, where the superblock is (md.4).
  {
    name: 'raid',
    empty: false,
    make: 'printf "\\374\\116\\053\\251\\001\\000\\000\\000" | dd of=$D conv=notrunc bs=1 seek=4096; printf "\\010" | dd of=$D conv=notrunc bs=1 seek=4240',
  },
  {
    name: 'luks',
    empty: false,
    make: 'printf "LUKS\\272\\276\\000\\001" | dd of=$D conv=notrunc bs=1',
  },
]

const ANSWERS = ['taken', 'claimed', 'over', 'unanswered', 'unauthorized', 'somebody else'] as const
type Answer = (typeof ANSWERS)[number]

let work: string
let server: ReturnType<typeof Bun.serve>
let answer: Answer = 'taken'
let claims: { target_disk?: { path: string } }[] = []
let reports: { status: string; failed_step?: string }[] = []

beforeAll(async () => {
  const parent = (await Bun.file('/dev/shm/.').exists()) ? '/dev/shm' : tmpdir()
  work = await mkdtemp(join(parent, 'slipway-nothing-'))
  for (const { name, make } of CONTENTS) {
    await host(
      'sh',
      '-euc',
      `D=${work}/${name}; truncate -s ${SIZE} $D; { ${make}; } >/dev/null 2>&1`,
    )
  }
  server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answering })
})
afterAll(async () => {
  await server.stop(true)
  await rm(work, { recursive: true, force: true })
})

const SIZE = 8 * MiB
const JOB_ID = 'b1946ac9-2d1f-4f3a-8f66-0f2a4a1d7c11'

/** The appliance, at the edge: it says what a case wants. */
async function answering(request: Request): Promise<Response> {
  const body = (await request.json()) as { status: string }
  if (!request.url.endsWith('/claim')) {
    if (body.status !== 'progress' && body.status !== undefined) reports.push(body)
    return Response.json({ ok: true })
  }
  claims.push(body as object)
  if (answer === 'taken') return Response.json({ ok: true, job_id: JOB_ID })
  if (answer === 'somebody else') return Response.json({ hello: 'world' })
  const status = { claimed: 409, over: 410, unanswered: 500, unauthorized: 401 }[answer]
  return Response.json({ error: 'x' }, { status })
}

/** The same numbers in every run (mulberry32). */
function random(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    const mixed = Math.imul(state ^ (state >>> 15), state | 1)
    const again = mixed ^ (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61))
    return ((again ^ (again >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    chance: (share: number) => next() < share,
    pick: <T>(list: readonly T[]) => list[below(list.length)] as T,
  }
}
type Random = ReturnType<typeof random>

interface Drive extends TestDisk {
  readonly content: (typeof CONTENTS)[number]
}

function drivesOf({ below, pick, chance }: Random): readonly Drive[] {
  return Array.from({ length: 1 + below(3) }, (_, index) => ({
    path: `/dev/sd${'abc'[index]}`,
    sizeBytes: SIZE * (1 + below(2)),
    serial: chance(0.8) ? `D${below(3)}` : '',
    wwn: chance(0.5) ? `0x5000c500a1b2c3d${below(3)}` : '',
    model: pick(['FAST DISK', 'SLOW_DISK']),
    rotational: chance(0.5),
    readOnly: chance(0.05),
    mounted: chance(0.08) ? ['/mnt/x'] : [],
    content: chance(0.4) ? pick(CONTENTS.filter(({ empty }) => empty)) : pick(CONTENTS),
  }))
}

/** Each way to name a disk, with the same said by the oracle. */
function targetOf({ pick, below, chance }: Random) {
  const serial = `D${below(3)}`
  const wwn = `5000C500A1B2C3D${below(3)}`
  const path = pick(['/dev/sda', '/dev/sdb', '/dev/sdc', '/dev/nowhere'])
  const rotational = chance(0.5)
  return pick([
    { target_disk: path, means: (disk: Drive) => disk.path === path },
    { target_disk: { serial }, means: (disk: Drive) => disk.serial === serial },
    { target_disk: { wwn }, means: (disk: Drive) => disk.wwn?.slice(2).toUpperCase() === wwn },
    { target_disk: { model: 'slow disk' }, means: (disk: Drive) => disk.model === 'SLOW_DISK' },
    { target_disk: { min_size: '9M' }, means: (disk: Drive) => disk.sizeBytes > SIZE },
    {
      target_disk: { max_size: '8M', rotational },
      means: (disk: Drive) => disk.sizeBytes === SIZE && disk.rotational === rotational,
    },
    {
      target_disk: { path, serial },
      means: (disk: Drive) => disk.path === path && disk.serial === serial,
    },
  ])
}

const overwriteOf = ({ pick, below }: Random) =>
  pick(['empty', 'empty', 'any', { disk_serial: `D${below(3)}` }] as const)

interface Case {
  readonly drives: readonly Drive[]
  readonly target: ReturnType<typeof targetOf>
  readonly overwrite: ReturnType<typeof overwriteOf>
  readonly answer: Answer
  readonly mine: boolean
  readonly fits: boolean
}

const INVALID = 'provision-dispatcher.service'

/** What must come of it: the disk that is claimed, or why none is. */
function oracle({ drives, target, overwrite, mine, fits }: Case): Drive | string {
  if (!mine) return 'machine.mismatch'
  const { target_disk: named } = target
  const serial = typeof named === 'object' && 'serial' in named ? named.serial : undefined
  // No disk can satisfy both: the recipe itself is refused.
  if (serial && typeof overwrite === 'object' && overwrite.disk_serial !== serial) return INVALID
  if (!fits && typeof named === 'object' && 'max_size' in named) return INVALID
  const [disk, second] = drives.filter((drive) => !drive.readOnly && target.means(drive))
  if (!disk) return 'machine.disk-not-found'
  if (second) return 'machine.disk-ambiguous'
  if (disk.mounted && disk.mounted.length > 0) return 'machine.disk-in-use'
  const consented =
    overwrite === 'any' ||
    (overwrite === 'empty' && disk.content.empty) ||
    (typeof overwrite === 'object' && overwrite.disk_serial === disk.serial)
  if (!consented) return 'machine.disk-not-empty'
  return fits ? disk : 'machine.disk-too-small'
}

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

async function medium({ target, overwrite, mine, fits }: Case): Promise<string> {
  const path = join(work, 'task.iso')
  const serials = [mine ? 'MINE' : 'OTHERS']
  const recipe = {
    ...{ schema_version: '1', task_target: 'install-linux.target', overwrite },
    target_disk: target.target_disk,
    oci_url: `images.test/os/debian@sha256:${'a'.repeat(64)}`,
    partition_layout: [
      { size: fits ? '2M' : '64M', format: 'ext4', mountpoint: '/', bootable: false },
    ],
  }
  const job = {
    ...{ schema: 'slipway.job/1', job_id: JOB_ID, serials, token: 'token' },
    ...{ base_urls: [`http://127.0.0.1:${server.port}`], claim_url: '/claim' },
    ...{ report_url: '/report', log_url: '/log' },
  }
  await rm(path, { force: true })
  await writeIso(path, {
    volumeId: 'TASK_0123456789A',
    tree: new Map([
      ['/job.json', json(job)],
      ['/recipe.json', json(recipe)],
      ['/recipe.schema.json', json({ $id: 'urn:x' })],
    ]),
  })
  return path
}

/** Everything that a write would change. */
async function stateOf(path: string) {
  const { size, blocks, mtimeNs } = await stat(path, { bigint: true })
  const bytes = Bun.hash(await Bun.file(path).arrayBuffer())
  return { size, blocks, mtimeNs, bytes }
}

async function play(one: Case) {
  await using machine = await testMachine('MINE')
  machine.units = [{ name: 'partition.service' }]
  for (const { path, content } of one.drives) {
    await copyFile(join(work, content.name), join(machine.root, path))
  }
  await machine.plug(...one.drives)
  await machine.insert('sr1', await medium(one))
  answer = one.answer
  claims = []
  reports = []
  const paths = one.drives.map(({ path }) => join(machine.root, path))
  const before = await Promise.all(paths.map(stateOf))
  const code = await machine.dispatch()
  const after = await Promise.all(paths.map(stateOf))
  return { before, after, code, ran: machine.ran, told: machine.told }
}

test(`${CASES} generated cases: only a claim that was given starts the target, and only on the right disk`, async () => {
  const tally = new Map<string, number>()
  for (let seed = 1; seed <= CASES; seed += 1) {
    const dice = random(seed * 7_919)
    const one: Case = {
      drives: drivesOf(dice),
      target: targetOf(dice),
      overwrite: overwriteOf(dice),
      answer: dice.pick(ANSWERS),
      mine: dice.chance(0.92),
      fits: dice.chance(0.92),
    }
    const expected = oracle(one)
    const { before, after, code, ran, told } = await play(one)
    const is = typeof expected === 'string' ? expected : one.answer
    tally.set(is, (tally.get(is) ?? 0) + 1)
    const starts = ran.filter((line) => line.includes(' start '))
    const seen = {
      ...{
        seed,
        code,
        starts: starts.length,
        offs: ran.filter((line) => line.endsWith('poweroff')).length,
      },
      claimed: [...new Set(claims.map(({ target_disk }) => target_disk?.path))],
      reports: reports.map(({ status, failed_step }) => failed_step ?? status),
    }
    const taken = is === 'taken'
    const failed = typeof expected === 'string'
    expect({ ...seen, told: '' }).toEqual({
      ...{ seed, code: is === INVALID ? 14 : 0, starts: taken ? 1 : 0, offs: 1 },
      claimed: failed ? [] : [expected.path],
      reports: failed ? [expected] : taken ? ['success'] : [],
      told: seen.offs === 1 ? '' : told.join('\n'),
    })
    // The dispatcher itself writes to no disk, whatever comes of it.
    expect({ seed, disks: after }).toEqual({ seed, disks: before })
  }
  // Each way out was taken, and often.
  const ways = [
    'machine.mismatch',
    'machine.disk-not-found',
    'machine.disk-ambiguous',
    'machine.disk-in-use',
    'machine.disk-not-empty',
    'machine.disk-too-small',
    ...ANSWERS,
  ]
  for (const way of ways)
    expect({ way, often: (tally.get(way) ?? 0) >= 3 }).toEqual({ way, often: true })
}, 120_000)
