// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MiB } from '../../core/units.ts'
import { bootedUrl, configDrive, hostNameOf } from './config-drive.ts'
import { partition } from './partition.ts'
import { host, loopDisk, testStep } from './test-bed.ts'

const ROOT = { size: '64M', format: 'ext4', mountpoint: '/' }
const JOB = { booted: { port: 8080, path: '/booted/0123456789abcdef' } }
const FILES = {
  'user-data': '#cloud-config\nhostname: demo\n',
  'network-config': '{"version": 2}\n',
}

test('a layout with a partition CIDATA gets the seed there, byte for byte, and again', async () => {
  await using disk = await loopDisk(128 * MiB)
  const layout = [{ size: '16M', format: 'vfat', label: 'CIDATA' }, ROOT]
  const at = { path: disk.path, sizeBytes: 128 * MiB }
  await using step = await testStep(at, { partition_layout: layout }, JOB, FILES)
  await partition.apply(step.context)
  await configDrive.apply(step.context)
  await configDrive.apply(step.context)
  const drive = `${disk.path}p1`
  const read = (name: string) => host('mtype', '-i', drive, `::/${name}`)
  expect(`${await read('user-data')}\n`).toBe(FILES['user-data'])
  expect(`${await read('network-config')}\n`).toBe(FILES['network-config'])
  expect(Bun.YAML.parse(await read('meta-data'))).toEqual({
    'instance-id': step.context.job.job_id,
    'local-hostname': 'srv-0001',
  })
  const vendor = await read('vendor-data')
  expect(vendor.split('\n')[0]).toBe('#cloud-config')
  expect(Bun.YAML.parse(vendor)).toEqual({
    phone_home: {
      url: 'http://10.0.0.2:8080/booted/0123456789abcdef',
      post: ['instance_id'],
      tries: 10,
    },
  })
  await host('fsck.vfat', '-n', drive)
  expect(await configDrive.plan(step.context)).toContain(`write user-data to ${drive}`)
}, 30_000)

test('any other layout gets it in the seed folder of the installed system, for root alone', async () => {
  await using disk = await loopDisk(128 * MiB)
  const at = { path: disk.path, sizeBytes: 128 * MiB }
  await using step = await testStep(at, { partition_layout: [ROOT] }, {}, {})
  await partition.apply(step.context)
  await configDrive.apply(step.context)
  const root = await mkdtemp(join(tmpdir(), 'slipway-look-'))
  await host('mount', '-o', 'ro', `${disk.path}p1`, root)
  try {
    const seed = join(root, 'var/lib/cloud/seed/nocloud')
    expect((await readdir(seed)).sort()).toEqual(['meta-data', 'user-data'])
    expect(await readFile(join(seed, 'user-data'), 'utf8')).toBe('#cloud-config\n{}\n')
    expect((await stat(join(seed, 'user-data'))).mode & 0o777).toBe(0o600)
  } finally {
    await host('umount', root)
    await rm(root, { recursive: true })
  }
}, 30_000)

test.each([
  ['SRV_0001', 'srv-0001'],
  ['7X2 KB.9', '7x2-kb-9'],
  ['---', undefined],
  ['ü', undefined],
  ['A'.repeat(80), 'a'.repeat(63)],
])('the serial %s makes the host name %s', (serial, name) => {
  expect(hostNameOf(serial)).toBe(name)
})

test.each([
  ['https://10.0.0.2:8443', 'http://10.0.0.2:8080/booted/t'],
  ['https://[fd00::2]:8443', 'http://[fd00::2]:8080/booted/t'],
  ['https://slipway.example', 'http://slipway.example:8080/booted/t'],
])('a system that %s installed calls home at %s', (base, url) => {
  const booted = { port: 8_080, path: '/booted/t' }
  expect(bootedUrl({ base_urls: [base], booted } as never)).toBe(url)
  expect(bootedUrl({ base_urls: [base] } as never)).toBeUndefined()
})
