// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { chooseDisk, diskWords } from './choose-disk.ts'
import { assertConsent, contentOf, parseSignatures } from './disk-content.ts'
import { type Disk, parseDisks } from './disks.ts'

/** In the shape of `lsblk --json --bytes --tree`: a RAID over two disks, an empty slot, a CD drive. */
const LSBLK = `{
   "blockdevices": [
      {"path":"/dev/sda","type":"disk","size":4000787030016,"rota":true,"ro":false,"model":"ST4000NM0025","serial":"ZC1A","wwn":"0x5000c500a1b2c3d4","tran":"sas","log-sec":512,"mountpoints":[null],
         "children": [
            {"path":"/dev/sda1","type":"part","size":1048576,"rota":true,"ro":false,"model":null,"serial":null,"wwn":"0x5000c500a1b2c3d4","tran":null,"log-sec":512,"mountpoints":[null]},
            {"path":"/dev/md0","type":"raid1","size":4000785964544,"rota":true,"ro":false,"model":null,"serial":null,"wwn":null,"tran":null,"log-sec":512,"mountpoints":["/srv"]}
         ]
      },
      {"path":"/dev/sdb","type":"disk","size":4000787030016,"rota":true,"ro":false,"model":"ST4000NM0025","serial":"ZC1B","wwn":"0x5000c500a1b2c3d5","tran":"sas","log-sec":4096,"mountpoints":["[SWAP]"],
         "children": [
            {"path":"/dev/md0","type":"raid1","size":4000785964544,"rota":true,"ro":false,"model":null,"serial":null,"wwn":null,"tran":null,"log-sec":512,"mountpoints":["/srv"]}
         ]
      },
      {"path":"/dev/nvme0n1","type":"disk","size":480103981056,"rota":false,"ro":false,"model":"FAST_DISK  ","serial":"N-1","wwn":"eui.0025385b71b12345","tran":"nvme","log-sec":512,"mountpoints":[null]},
      {"path":"/dev/sdz","type":"disk","size":0,"rota":true,"ro":false,"model":"Virtual HDisk0","serial":null,"wwn":null,"tran":"usb","log-sec":512,"mountpoints":[null]},
      {"path":"/dev/sr0","type":"rom","size":1073741312,"rota":true,"ro":false,"model":"Virtual CD","serial":null,"wwn":null,"tran":"usb","log-sec":2048,"mountpoints":[null]}
   ]
}`

const disks = parseDisks(LSBLK) ?? []

test('disks are told from partitions, drives and empty slots, and a RAID stands once', () => {
  expect(disks.map(({ path, kind }) => [path, kind])).toEqual([
    ['/dev/sda', 'disk'],
    ['/dev/md0', 'raid1'],
    ['/dev/sdb', 'disk'],
    ['/dev/nvme0n1', 'disk'],
  ])
  expect(disks[0]).toMatchObject({ partitions: ['/dev/sda1', '/dev/md0'], mounted: ['/srv'] })
  expect(disks[2]).toMatchObject({ sectorBytes: 4_096, mounted: ['[SWAP]', '/srv'] })
})

test.each(['', 'lsblk: failed', '{"blockdevices": 1}', '{"blockdevices": [{"path": 1}]}'])(
  '%j is no list of disks',
  (text) => {
    expect(parseDisks(text)).toBeUndefined()
  },
)

const free = disks.map((disk) => ({ ...disk, mounted: [] }))
const links: Readonly<Record<string, string>> = { '/dev/disk/by-id/nvme-x': '/dev/nvme0n1' }
const choose = (target: Parameters<typeof chooseDisk>[1], list: readonly Disk[] = free) =>
  chooseDisk(list, target, new Set(['/dev/sda1']), (path) => links[path] ?? path).path

test.each([
  ['a path', '/dev/nvme0n1', '/dev/nvme0n1'],
  ['a link', '/dev/disk/by-id/nvme-x', '/dev/nvme0n1'],
  ['a RAID, by its path alone', '/dev/md0', '/dev/md0'],
  ['a WWN in another spelling', { wwn: 'EUI.0025385B71B12345' }, '/dev/nvme0n1'],
  ['a WWN without its prefix', { wwn: '5000c500a1b2c3d5' }, '/dev/sdb'],
  ['a model with blanks', { model: 'fast disk' }, '/dev/nvme0n1'],
  ['what is not rotational', { rotational: false }, '/dev/nvme0n1'],
  ['a size', { max_size: '500GB' }, '/dev/nvme0n1'],
  ['a path and a serial', { path: '/dev/sdb', serial: 'zc1b' }, '/dev/sdb'],
])('%s chooses one disk', (_name, target, path) => {
  expect(choose(target)).toBe(path)
})

test.each([
  ['a partition', '/dev/sdb1', 'machine.disk-not-found'],
  ['a CD drive', '/dev/sr0', 'machine.disk-not-found'],
  ['a disk that holds the task medium', '/dev/sda', 'machine.disk-not-found'],
  [
    'a path with the serial of another',
    { path: '/dev/sdb', serial: 'N-1' },
    'machine.disk-not-found',
  ],
  ['a size that two have', { min_size: '1B' }, 'machine.disk-ambiguous'],
])('%s chooses none', (_name, target, code) => {
  expect(() => choose(target)).toThrow(expect.objectContaining({ code }))
})

test('a disk in use is refused with where it is', () => {
  expect(() => choose('/dev/md0', disks)).toThrow('mounted at /srv')
})

const sdb = free[2] as Disk

test('signatures of wipefs are told in words, and no output means none', () => {
  const text =
    '{"signatures": [{"device":"sdb","offset":"0x438","type":"ext4","uuid":"x","label":"DATA"},{"device":"sdb","offset":"0x1fe","type":"PMBR","uuid":null,"label":null}]}'
  expect(parseSignatures(text)).toHaveLength(2)
  expect(parseSignatures('\n')).toEqual([])
  expect(parseSignatures('wipefs: error')).toBeUndefined()
})

test('a disk that can not be looked into is not taken for empty', async () => {
  const os = {
    run: async () => ({ code: 1, stdout: '', stderr: 'wipefs: error: /dev/sdb: probing failed' }),
  }
  await expect(contentOf(os as never, sdb)).rejects.toThrow('nobody knows whether it is empty')
})

test.each([
  ['any', ['ext4'], true],
  ['empty', [], true],
  ['empty', ['ext4'], false],
  [{ disk_serial: 'ZC1B' }, ['ext4'], true],
  [{ disk_serial: 'ZC1A' }, [], false],
] as const)('overwrite %j over %j is consent: %p', (overwrite, content, consent) => {
  const ask = () => assertConsent(sdb, content, overwrite)
  if (consent) expect(ask).not.toThrow()
  else expect(ask).toThrow(expect.objectContaining({ code: 'machine.disk-not-empty' }))
})

test('a disk without a serial is no disk of a serial', () => {
  const nameless = { ...sdb, serial: '' }
  expect(() => assertConsent(nameless, [], { disk_serial: '' } as never)).toThrow()
  expect(diskWords(nameless)).toContain('WWN 0x5000c500a1b2c3d5')
})
