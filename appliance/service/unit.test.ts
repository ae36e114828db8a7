// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { install } from './install.ts'
import { type InstallOptions, needsLowPort, planInstall } from './plan.ts'
import { unitOf } from './unit.ts'

const GOLDEN = resolve(import.meta.dir, '../../test/golden/slipway.service')
const unit = {
  ...{ user: 'slipway', executable: '/usr/local/bin/slipway' },
  ...{ configFile: '/etc/slipway/slipway.toml', lowPorts: false },
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-install-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('the unit is the one that was reviewed', async () => {
  const text = unitOf(unit)
  if (process.env['UPDATE']) await writeFile(GOLDEN, text)
  expect(text).toBe(await readFile(GOLDEN, 'utf8'))
})

test.each([
  ['MemoryDenyWriteExecute', 'takes the JIT away'],
  ['ProtectProc', 'hides the holder of the lock'],
  ['PrivateUsers', 'takes ports below 1024 away'],
])('%s is not set: it %s', (directive) => {
  expect(unitOf(unit)).not.toContain(`\n${directive}=`)
})

test('a port below 1024 brings the one capability that it needs', () => {
  expect(unitOf(unit)).toContain('\nCapabilityBoundingSet=\nAmbientCapabilities=\n')
  expect(unitOf({ ...unit, lowPorts: true })).toContain(
    '\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n',
  )
})

const server = {
  https: ':8443',
  local: '127.0.0.1:8081',
  bmc_http: ':8080',
  bmc_https: '',
  mtls: '',
}

test.each([
  { name: 'defaults', change: {}, needs: false },
  { name: 'HTTPS at 443', change: { https: ':443' }, needs: true },
  { name: 'BMCs at port 80 of one address', change: { bmc_http: '[::1]:80' }, needs: true },
  { name: 'port 0, which is any', change: { https: '127.0.0.1:0' }, needs: false },
])('with $name a low port is needed: $needs', ({ change, needs }) => {
  const config = { server: { ...server, ...change } } as Parameters<typeof needsLowPort>[0]
  expect(needsLowPort(config)).toBe(needs)
})

const analyze = Bun.which('systemd-analyze')
const verify = analyze ? test : test.skip
const why = analyze ? '' : ' (skipped: there is no systemd-analyze)'

/** What systemd has to say of a unit. */
async function verdict(text: string): Promise<string[]> {
  const path = join(folder, 'slipway.service')
  await writeFile(path, text)
  const child = Bun.spawn([analyze ?? '', 'verify', '--man=no', path], {
    ...{ stderr: 'pipe', stdout: 'pipe' },
  })
  const said = (await child.stderr.text()) + (await child.stdout.text())
  // Units of this machine that have nothing to do with ours are judged along with it.
  return said.split('\n').filter((line) => line.includes('slipway.service'))
}

verify.each([
  { name: 'as it is', change: {} },
  { name: 'with odd signs in its path', change: { executable: '/opt/100% good/slipway' } },
  { name: 'for low ports', change: { lowPorts: true } },
])(`systemd finds no fault in the unit $name${why}`, async ({ change }) => {
  const options = { ...unit, ...change }
  // It must be there, or systemd says so.
  const executable = join(folder, options.executable)
  await mkdir(resolve(executable, '..'), { recursive: true })
  await writeFile(executable, '#!/bin/sh\n')
  await chmod(executable, 0o755)
  const text = unitOf({ ...options, executable, user: 'root' })
  expect(await verdict(text)).toEqual([])
  expect(await verdict(text.replace('NoNewPrivileges', 'NoNewPriviledges'))).toHaveLength(1)
})

const options = (): InstallOptions => ({
  ...{ root: join(folder, 'root'), prefix: '/usr/local', user: 'slipway' },
  ...{ executable: join(folder, 'built'), defaultConfig: '# [server]\n' },
})

async function tree(root: string): Promise<Record<string, string>> {
  const names = await readdir(root, { recursive: true })
  const files: Record<string, string> = {}
  for (const name of names.toSorted()) {
    const facts = await stat(join(root, name))
    if (facts.isFile()) files[name] = (facts.mode & 0o777).toString(8)
  }
  return files
}

test('an image gets executable, unit, configuration and user, and nothing is run', async () => {
  await writeFile(join(folder, 'built'), 'the executable', { mode: 0o600 })
  const plan = planInstall(options(), false)
  expect(plan.commands).toEqual([])
  await install(plan)
  expect(await tree(join(folder, 'root'))).toEqual({
    'etc/slipway/slipway.toml': '640',
    'etc/systemd/system/slipway.service': '644',
    'usr/lib/sysusers.d/slipway.conf': '644',
    'usr/lib/tmpfiles.d/slipway.conf': '644',
    'usr/local/bin/slipway': '755',
  })
  expect(await readFile(join(folder, 'root/usr/local/bin/slipway'), 'utf8')).toBe('the executable')
  expect(await readFile(join(folder, 'root/usr/lib/sysusers.d/slipway.conf'), 'utf8')).toBe(
    'u slipway - "Slipway appliance" /var/lib/slipway /usr/sbin/nologin\n',
  )
})

test('installing again takes the new executable and leaves the configuration of the people', async () => {
  await writeFile(join(folder, 'built'), 'old')
  await install(planInstall(options(), false))
  const config = join(folder, 'root/etc/slipway/slipway.toml')
  await writeFile(config, '[server]\nhttps = ":443"\n')
  await writeFile(join(folder, 'built'), 'new')
  const outcomes = await install(planInstall(options(), true))
  expect([...outcomes.values()]).toEqual(['written', 'kept', 'written', 'unchanged', 'unchanged'])
  expect(await readFile(config, 'utf8')).toContain(':443')
  expect(await readFile(join(folder, 'root/usr/local/bin/slipway'), 'utf8')).toBe('new')
})

test('in the running system user and unit are made known, in this order', () => {
  const { commands } = planInstall({ ...options(), root: '/' }, false)
  expect(commands.map(([program]) => program)).toEqual([
    'systemd-sysusers',
    'systemd-tmpfiles',
    'systemctl',
  ])
})

const sysusers = Bun.which('systemd-sysusers') ? test : test.skip

sysusers('systemd makes the user of the file that was written', async () => {
  await writeFile(join(folder, 'built'), 'x')
  await install(planInstall(options(), false))
  const root = join(folder, 'root')
  const child = Bun.spawn(['systemd-sysusers', `--root=${root}`, 'slipway.conf'], {
    stderr: 'pipe',
  })
  expect({ code: await child.exited, said: await child.stderr.text() }).toMatchObject({ code: 0 })
  expect(await readFile(join(root, 'etc/passwd'), 'utf8')).toMatch(
    /^slipway:.*:\/var\/lib\/slipway:\/usr\/sbin\/nologin$/m,
  )
})

test.each([
  { name: 'a user with a line break', change: { user: 'x\nUser=root' } },
  { name: 'a root that is relative', change: { root: 'image' } },
  { name: 'a prefix with a line break', change: { prefix: '/opt\nExecStart=/bin/sh' } },
])('$name is refused', ({ change }) => {
  expect(() => planInstall({ ...options(), ...change }, false)).toThrow(
    expect.objectContaining({ code: 'install.invalid' }),
  )
})

test('a place that can not be written is named', async () => {
  await writeFile(join(folder, 'root'), 'a file where a folder should be')
  await writeFile(join(folder, 'built'), 'x')
  await expect(install(planInstall(options(), false))).rejects.toMatchObject({
    code: 'install.refused',
    message: expect.stringMatching(/usr\/local\/bin\/slipway can not be (written|read)/),
  })
})
