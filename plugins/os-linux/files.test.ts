// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createLinuxWorkflow } from './index.ts'

const linux = createLinuxWorkflow({ isOurs: () => true, overwrite: 'empty' })
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)

const recipe = {
  schema_version: '1',
  task_target: 'install-linux.target',
  target_disk: '/dev/sda',
  oci_url: 'os/ubuntu:24.04',
  partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/' }],
}

test('a recipe without user data and network needs no files', () => {
  expect(linux.files(recipe).size).toBe(0)
})

test('user data are on the ISO byte for byte', () => {
  const user_data = '#!/bin/sh\r\necho ä😀\u0000'
  const files = linux.files({ ...recipe, user_data })
  expect([...files.keys()]).toEqual(['/user-data'])
  expect(files.get('/user-data')).toEqual(new TextEncoder().encode(user_data))
})

test('the network is netplan version 2, readable as YAML and as JSON', () => {
  const network = {
    ethernets: {
      lan0: { match: { macaddress: '52:54:00:AB:cd:01' }, dhcp4: true, mtu: 9000 },
    },
  }
  const config = text(linux.files({ ...recipe, network }).get('/network-config'))
  const expected = {
    version: 2,
    ethernets: { lan0: { match: { macaddress: '52:54:00:ab:cd:01' }, dhcp4: true, mtu: 9000 } },
  }
  expect(JSON.parse(config)).toEqual(expected)
  expect(Bun.YAML.parse(config)).toEqual(expected)
  expect(config).toEndWith('}\n')
})

test('the same recipe gives the same bytes, whatever the order of its names', () => {
  const a = { match: { macaddress: '52:54:00:00:00:01' }, mtu: 1500, dhcp4: true }
  const b = { dhcp4: true, mtu: 1500, match: { macaddress: '52:54:00:00:00:01' } }
  const one = linux.files({
    ...recipe,
    network: {
      version: 2,
      ethernets: { x: a, y: { ...a, match: { macaddress: '52:54:00:00:00:02' } } },
    },
  })
  const two = linux.files({
    ...recipe,
    network: {
      ethernets: { y: { ...b, match: { macaddress: '52:54:00:00:00:02' } }, x: b },
      version: 2,
    },
  })
  expect(two.get('/network-config')).toEqual(one.get('/network-config') ?? new Uint8Array())
})

test('a payload that is still a reference is refused, naming the plugin that resolves it', () => {
  expect(() => linux.files({ ...recipe, user_data: { path: 'x' } })).toThrow('payloads')
})
