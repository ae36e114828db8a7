// SPDX-License-Identifier: AGPL-3.0-or-later
/** The command line beside tools and a registry that are not ours. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { slipwayCommand } from '../appliance/cli/test-bed.ts'
import { MiB } from '../core/units.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { type RegistryServer, startDockerRegistry } from './oci/servers.ts'
import { type ApplianceProcess, applianceProcess } from './process.ts'

const missing = ['docker-registry', 'skopeo'].filter((tool) => !Bun.which(tool))
const why =
  missing.length > 0 ? ` (skipped: no ${missing.join(', ')}; scripts/test installs it)` : ''
const TIMEOUT_MS = 60_000

let appliance: ApplianceProcess
let registry: RegistryServer
let folder: string

async function run(command: readonly string[], code = 0) {
  const child = Bun.spawn([...command], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      SLIPWAY_URL: appliance.url,
      SLIPWAY_DATA: appliance.dataDir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
  expect({ command, code: await child.exited, stderr }).toMatchObject({ code })
  return { stdout, stderr }
}
const oci = async (...args: string[]) => (await run([...slipwayCommand, 'oci', ...args])).stdout
const digestIn = (text: string) => /sha256:[0-9a-f]{64}$/.exec(text.trim())?.[0]

test.skipIf(why !== '')(
  `outside tools and ours pass content on to each other${why}`,
  async () => {
    const other = new URL(registry.origin).host
    await mkdir(join(folder, 'tree/sub'), { recursive: true })
    await writeFile(join(folder, 'tree/sub/file'), 'inside')
    await symlink('sub/file', join(folder, 'tree/link'))
    await writeFile(join(folder, 'disk.raw'), crypto.getRandomValues(new Uint8Array(65_536)))
    // Files of ours in the registry of others, by the login that podman or skopeo would have left.
    const type = 'application/vnd.example.disk'
    const pushed = await oci('push', 'disk.raw', 'tree', `${other}/a/b:1`, '--artifact-type', type)
    const digest = digestIn(pushed) ?? ''
    const raw = await run([
      'skopeo',
      'inspect',
      '--raw',
      '--tls-verify=false',
      `docker://${other}/a/b:1`,
    ])
    expect(JSON.parse(raw.stdout)).toMatchObject({
      artifactType: type,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', size: 2 },
      layers: [
        { annotations: { 'org.opencontainers.image.title': 'disk.raw' } },
        { annotations: { 'org.opencontainers.image.title': 'tree' } },
      ],
    })
    expect(await oci('tags', `${other}/a/b`)).toContain(`1    ${digest}`)
    // From there to ours, and back as files and as a layout that others read.
    expect(digestIn(await oci('cp', `${other}/a/b:1`, 'c/d:2'))).toBe(digest)
    await oci('pull', 'c/d:2', '-o', 'out/')
    expect(await Bun.file(join(folder, 'out/disk.raw')).bytes()).toEqual(
      await Bun.file(join(folder, 'disk.raw')).bytes(),
    )
    expect(await Bun.file(join(folder, 'out/tree/link')).text()).toBe('inside')
    await oci('pull', 'c/d:2', '--oci-layout', 'layout')
    await run(['skopeo', 'copy', '-q', 'oci:layout:2', 'oci-archive:archive.tar:2'])
    expect(digestIn(await oci('push', 'archive.tar', 'e/f:3'))).toBe(digest)
    expect(await oci('inspect', 'e/f:3')).toContain('disk.raw')
  },
  TIMEOUT_MS,
)

test.skipIf(why !== '')(
  `a registry that forgets uploads gets the blob all the same${why}`,
  async () => {
    const size = 6 * MiB
    const block = crypto.getRandomValues(new Uint8Array(65_536))
    const bytes = Buffer.alloc(size)
    for (let at = 0; at < size; at += block.length) {
      block[0] = at / block.length
      bytes.set(block, at)
    }
    await writeFile(join(folder, 'blob'), bytes)
    await using proxy = await startCuttingProxy({
      targetPort: () => Number(new URL(registry.origin).port),
      ...{ cutAfter: [size / 3, size / 4], direction: 'up' },
    })
    const login = registry.login
    if (!login) throw new Error('it asks for a login')
    await logIn({ [`127.0.0.1:${proxy.port}`]: login })
    await oci('push', 'blob', `127.0.0.1:${proxy.port}/cut/blob:1`)
    expect(proxy.cuts).toBe(2)
  },
  TIMEOUT_MS,
)

test.skipIf(why !== '')(
  `a login that is wrong ends with 6 and no upload${why}`,
  async () => {
    const { host } = new URL(registry.origin)
    await logIn({ [host]: { name: 'bench', password: 'wrong' } })
    await writeFile(join(folder, 'small'), 'x')
    const push = [...slipwayCommand, 'oci', 'push', 'small', `${host}/a/b:9`]
    const { stderr } = await run(push, 6)
    expect(stderr).toContain('it wants a login that may do this')
  },
  TIMEOUT_MS,
)

/** As `podman login` keeps them. */
async function logIn(logins: Readonly<Record<string, { name: string; password: string }>>) {
  const auths = Object.entries(logins).map(([host, { name, password }]) => [
    host,
    { auth: btoa(`${name}:${password}`) },
  ])
  await mkdir(join(folder, '.config/containers'), { recursive: true })
  const path = join(folder, '.config/containers/auth.json')
  await writeFile(path, JSON.stringify({ auths: Object.fromEntries(auths) }))
}

beforeAll(async () => {
  if (why !== '') return
  folder = await mkdtemp(join(tmpdir(), 'slipway-outside-'))
  const dataDir = join(folder, 'registry')
  await mkdir(dataDir)
  appliance = await applianceProcess(['oci.auth=token'])
  const started = await Promise.all([
    startDockerRegistry({ dataDir, login: true }),
    appliance.start(),
  ])
  registry = started[0]
  if (registry.login) await logIn({ [new URL(registry.origin).host]: registry.login })
}, TIMEOUT_MS)
afterAll(async () => {
  if (why !== '') return
  await registry[Symbol.asyncDispose]()
  await appliance[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
}, TIMEOUT_MS)
