// SPDX-License-Identifier: AGPL-3.0-or-later
/** The command line against a registry that runs, over a line that is cut; bytes are counted on it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { slipwayCommand } from '../appliance/cli/test-bed.ts'
import { MiB } from '../core/units.ts'
import { type CuttingPlan, startCuttingProxy } from './cutting-proxy.ts'
import { type ApplianceProcess, applianceProcess } from './process.ts'

/** What the goal is told for; the other stories do with less. */
const LARGE = 200 * MiB
const SIZE = 96 * MiB
/** Of what is sent: the goal is that ten interruptions cost no more. */
const MOST_SENT = 1.02
/** Of what is received a cut costs what lies in buffers along the line, which a receiver can not bound. */
const IN_BUFFERS = 2 * MiB
const TIMEOUT_MS = 90_000

let appliance: ApplianceProcess
let folder: string
let port: number

beforeAll(async () => {
  appliance = await applianceProcess(['oci.auth=token'])
  await appliance.start()
  port = Number(new URL(appliance.url).port)
  folder = await mkdtemp(join(tmpdir(), 'slipway-transfer-'))
}, TIMEOUT_MS)
afterAll(async () => {
  await appliance[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
}, TIMEOUT_MS)

/** A file that no earlier test has pushed. */
async function newFile(name: string, size = SIZE): Promise<{ path: string; sha256: string }> {
  const path = join(folder, name)
  const block = crypto.getRandomValues(new Uint8Array(65_536))
  const writer = Bun.file(path).writer()
  const hash = new Bun.CryptoHasher('sha256')
  for (let at = 0; at < size; at += block.byteLength) {
    new DataView(block.buffer).setBigUint64(0, BigInt(at))
    hash.update(block)
    writer.write(block)
    if (at % MiB === 0) await writer.flush()
  }
  await writer.end()
  return { path, sha256: hash.digest('hex') }
}

function client(proxyPort: number, ...args: string[]) {
  return Bun.spawn([...slipwayCommand, 'oci', ...args], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      SLIPWAY_URL: `http://127.0.0.1:${proxyPort}`,
      SLIPWAY_DATA: appliance.dataDir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function ended(child: ReturnType<typeof client>) {
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { stdout, stderr, code }
}

/** So many places of the file, each as far from the one before as chance wants. */
const cuts = (count: number, size = SIZE) =>
  Array.from({ length: count }, () =>
    Math.floor((size / (count + 1)) * (0.3 + 0.6 * Math.random())),
  )

const line = (plan: Pick<CuttingPlan, 'cutAfter' | 'direction' | 'onCut'>) =>
  startCuttingProxy({ targetPort: () => port, ...plan })

const sha256Of = async (path: string) =>
  new Bun.CryptoHasher('sha256').update(await Bun.file(path).bytes()).digest('hex')

describe('a push', () => {
  test(
    'is cut ten times and sends no byte twice but those on their way',
    async () => {
      const { path, sha256 } = await newFile('cut', LARGE)
      const cutAfter = cuts(10, LARGE)
      await using proxy = await line({ cutAfter, direction: 'up' })
      const { code, stdout, stderr } = await ended(client(proxy.port, 'push', path, 'cut/up:1'))
      expect({ code, stderr, cutAfter }).toMatchObject({ code: 0 })
      expect(stdout).toContain('cut  200.0 MiB  sent')
      expect(proxy.cuts).toBe(10)
      expect(proxy.upBytes / LARGE).toBeLessThan(MOST_SENT)
      const there = await fetchHead(`/v2/cut/up/blobs/sha256:${sha256}`)
      expect(there).toBe(LARGE)
    },
    TIMEOUT_MS,
  )

  test(
    'outlives a registry that is killed and started again',
    async () => {
      const { path } = await newFile('killed')
      const signals = ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const
      const restarts: Promise<void>[] = []
      const restart = async (signal: 'SIGKILL' | 'SIGTERM') => {
        await appliance.end(signal)
        await appliance.start()
      }
      await using proxy = await line({
        ...{ cutAfter: cuts(signals.length), direction: 'up' },
        onCut: (cut) => void restarts.push(restart(signals[cut - 1] ?? 'SIGKILL')),
      })
      const { code, stderr } = await ended(client(proxy.port, 'push', path, 'cut/killed:1'))
      await Promise.all(restarts)
      expect({ code, stderr }).toMatchObject({ code: 0 })
      expect(stderr).toContain('trying again')
      expect(restarts).toHaveLength(3)
      expect(proxy.upBytes / SIZE).toBeLessThan(MOST_SENT)
    },
    TIMEOUT_MS,
  )

  test(
    'goes on where it was when the command itself was killed or interrupted',
    async () => {
      const { path, sha256 } = await newFile('client')
      let child: ReturnType<typeof client> | undefined
      await using proxy = await line({
        ...{ cutAfter: cuts(3), direction: 'up' },
        onCut: (cut) => child?.kill(cut === 2 ? 'SIGINT' : 'SIGKILL'),
      })
      const codes: (number | string)[] = []
      while (codes.at(-1) !== 0 && codes.length < 5) {
        child = client(proxy.port, 'push', path, 'cut/client:1')
        const { code } = await ended(child)
        codes.push(child.signalCode ?? code)
      }
      expect(codes).toEqual(['SIGKILL', 130, 'SIGKILL', 0])
      expect(proxy.upBytes / SIZE).toBeLessThan(MOST_SENT)
      expect(await fetchHead(`/v2/cut/client/blobs/sha256:${sha256}`)).toBe(SIZE)
      // No upload is left to remember, and a second push has nothing to send, elsewhere neither.
      const kept = await readdir(join(folder, '.cache/slipway/oci/uploads'))
      expect(kept.filter((name) => !name.startsWith('seen-'))).toEqual([])
      const before = proxy.upBytes
      const again = await ended(client(proxy.port, 'push', path, 'cut/client:2'))
      expect(again.stdout).toContain('client  96.0 MiB  is there already')
      const elsewhere = await ended(client(proxy.port, 'push', path, 'cut/elsewhere:1'))
      expect(elsewhere.stdout).toContain('client  96.0 MiB  taken from another repository')
      expect(proxy.upBytes - before).toBeLessThan(MiB)
    },
    TIMEOUT_MS,
  )
})

test(
  'a pull is cut and killed, and fetches no byte twice; the file appears when it is whole',
  async () => {
    const { path, sha256 } = await newFile('down')
    expect((await ended(client(port, 'push', path, 'cut/down:1'))).code).toBe(0)
    let child: ReturnType<typeof client> | undefined
    const seen: boolean[] = []
    const output = join(folder, 'pulled')
    await using proxy = await line({
      ...{ cutAfter: cuts(10), direction: 'down' },
      async onCut(cut) {
        seen.push(await Bun.file(join(output, 'down')).exists())
        if (cut % 5 === 0) child?.kill('SIGKILL')
      },
    })
    const codes: (number | string)[] = []
    while (codes.at(-1) !== 0 && codes.length < 5) {
      child = client(proxy.port, 'pull', 'cut/down:1', '-o', `${output}/`)
      const { code } = await ended(child)
      codes.push(child.signalCode ?? code)
    }
    expect(codes).toEqual(['SIGKILL', 'SIGKILL', 0])
    expect(seen).toEqual(Array(10).fill(false))
    expect(proxy.downBytes - SIZE).toBeLessThan(10 * IN_BUFFERS)
    expect(await sha256Of(join(output, 'down'))).toBe(sha256)
    expect(await readdir(output)).toEqual(['down'])
  },
  TIMEOUT_MS,
)

async function fetchHead(path: string): Promise<number> {
  const token = (await Bun.file(join(appliance.dataDir, 'admin.token')).text()).trim()
  const { headers } = await fetch(`${appliance.url}${path}`, {
    method: 'HEAD',
    headers: { authorization: `Bearer ${token}` },
  })
  return Number(headers.get('content-length'))
}
