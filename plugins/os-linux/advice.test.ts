// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import { linuxAdvice } from './advice.ts'
import { linuxRecipe } from './recipe.ts'

const esp = { size: '512M', type_guid: 'ef00', format: 'vfat' }
const root = { size: '100%', format: 'ext4', mountpoint: '/' }

const adviceOf = (fields: object) =>
  linuxAdvice(
    v.parse(linuxRecipe('empty'), {
      task_target: 'install-linux.target',
      target_disk: '/dev/sda',
      oci_url: 'os/ubuntu:24.04',
      partition_layout: [esp, root],
      ...fields,
    }),
  )

test.each([
  '#cloud-config\nhostname: node-1\nusers:\n  - name: ada\n',
  '#!/bin/sh\nexit 0\n',
  '## template: jinja\n#cloud-config\nhostname: {{ v1.instance_id }}\n',
  '#include\nhttps://h/x\n',
  'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n',
  'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n',
  '',
])('user data that cloud-init knows needs no word: %j', (user_data) => {
  expect(adviceOf({ user_data })).toEqual([])
})

test.each([
  ['hostname: node-1', 'none of the first lines'],
  ['\n#cloud-config\n', 'none of the first lines'],
  ['#cloud-configuration\n', 'none of the first lines'],
  ['\ufeff#cloud-config\n', 'byte order mark'],
  ['#cloud-config\nusers: [canary\n', 'does not read as YAML'],
  ['#cloud-config\n\tcanary: 1\n', 'does not read as YAML'],
])('user data that will not work is told, without quoting it: %j', (user_data, words) => {
  const [advice = '', ...more] = adviceOf({ user_data })
  expect(advice).toContain(words)
  expect(advice).not.toContain('canary')
  expect(more).toEqual([])
})

test('very long user data are left to cloud-init', () => {
  expect(adviceOf({ user_data: `#cloud-config\nx: [${'1,'.repeat(100_000)}` })).toEqual([])
})

test('a reference is not judged before it is text', () => {
  expect(adviceOf({ user_data: { path: 'x' } })).toEqual([])
})

test('a layout that firmware can not start is told', () => {
  expect(adviceOf({ partition_layout: [root] })).toEqual([expect.stringContaining('EFI system')])
  const bios = [{ size: '1M', type_guid: 'ef02' }, root]
  expect(adviceOf({ partition_layout: bios })).toEqual([])
})
