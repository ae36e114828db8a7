// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import { linuxProblems } from './check.ts'
import { linuxRecipe } from './recipe.ts'

const digest = `@sha256:${'ab'.repeat(32)}`
const root = { size: '100%', format: 'ext4', mountpoint: '/' }

const problemsOf = (fields: object) => {
  const recipe = v.parse(linuxRecipe('empty'), {
    task_target: 'install-linux.target',
    target_disk: '/dev/sda',
    oci_url: 'os/ubuntu:24.04',
    partition_layout: [root],
    ...fields,
  })
  return linuxProblems(recipe, (host) => host === 'ours.example:8443').map(
    ({ path, code }) => `${path.join('.')}: ${code}`,
  )
}

test.each([
  ['from our registry by tag', { oci_url: 'os/ubuntu:24.04' }],
  ['from our registry, named', { oci_url: 'ours.example:8443/os/ubuntu:24.04' }],
  ['from elsewhere by digest', { oci_url: `quay.io/os/ubuntu${digest}` }],
  ['from elsewhere by tag and digest', { oci_url: `quay.io/os/ubuntu:24.04${digest}` }],
  [
    'with /home on xfs',
    { partition_layout: [{ size: '1G', format: 'xfs', mountpoint: '/home' }, root] },
  ],
  [
    'with data on ntfs',
    { partition_layout: [{ size: '1G', format: 'ntfs', mountpoint: '/data' }, root] },
  ],
  [
    'with /boot on vfat',
    { partition_layout: [{ size: '1G', format: 'vfat', mountpoint: '/boot' }, root] },
  ],
  ['on btrfs', { partition_layout: [{ ...root, format: 'btrfs' }] }],
])('a system %s passes', (_name, fields) => {
  expect(problemsOf(fields)).toEqual([])
})

test.each([
  ['from elsewhere by tag', { oci_url: 'quay.io/os/ubuntu:24.04' }, 'oci_url: digest_required'],
  ['from elsewhere by nothing', { oci_url: 'localhost/ubuntu' }, 'oci_url: digest_required'],
  [
    'from our host at another port',
    { oci_url: 'ours.example:5000/os/x:1' },
    'oci_url: digest_required',
  ],
  ['from a name that no registry takes', { oci_url: 'OS/Ubuntu' }, 'oci_url: invalid_value'],
  [
    'without a root',
    { partition_layout: [{ size: '1G', format: 'ext4', mountpoint: '/srv' }] },
    'partition_layout: no_root',
  ],
  [
    'with its root on vfat',
    { partition_layout: [{ ...root, format: 'vfat' }] },
    'partition_layout.0.format: wrong_format',
  ],
  [
    'with /etc apart',
    { partition_layout: [{ size: '1G', format: 'ext4', mountpoint: '/etc' }, root] },
    'partition_layout.0.mountpoint: invalid_value',
  ],
  [
    'with a disk on /proc/x',
    { partition_layout: [{ size: '1G', format: 'ext4', mountpoint: '/proc/x' }, root] },
    'partition_layout.0.mountpoint: invalid_value',
  ],
  [
    'with /var on ntfs',
    { partition_layout: [{ size: '1G', format: 'ntfs', mountpoint: '/var/log' }, root] },
    'partition_layout.0.format: wrong_format',
  ],
  [
    'with an EFI partition in xfs',
    { partition_layout: [{ size: '1G', format: 'xfs', type_guid: 'ef00' }, root] },
    'partition_layout.0.format: wrong_format',
  ],
  [
    'on a disk that can not be',
    { target_disk: { min_size: '2TB', max_size: '1TB' } },
    'target_disk.min_size: contradiction',
  ],
  ['with a reserved variable', { env: { OCI_URL: 'x' } }, 'env.OCI_URL: reserved'],
  [
    'with a vlan on nothing',
    {
      network: {
        ethernets: { a: { match: { macaddress: '52:54:00:00:00:01' } } },
        vlans: { v: { id: 1, link: 'b' } },
      },
    },
    'network.vlans.v.link: unknown_name',
  ],
])('a system %s is refused', (_name, fields, expected) => {
  expect(problemsOf(fields)).toEqual([expected])
})
