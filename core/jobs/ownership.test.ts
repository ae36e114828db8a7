// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newJob, noDocuments } from '../../test/job-row.ts'
import { type TemporaryDb, temporaryDb } from '../../test/temporary-db.ts'
import { digest } from '../seal.ts'
import { insertJob } from '../store/jobs.ts'
import { type ImageOwner, imageHost, ownerOf } from './ownership.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const OTHER = 'ffffffffffffffffffffffffffffffff'
const OWN = ['10.0.0.9', '2001:db8::9', 'deploy.test']

let temporary: TemporaryDb
beforeAll(async () => {
  temporary = await temporaryDb()
  const row = newJob({ mediaTokenDigest: digest(TOKEN) })
  await temporary.db.write((tx) => insertJob(tx, row, noDocuments))
})
afterAll(() => temporary[Symbol.asyncDispose]())

test.each<[string, string, ImageOwner]>([
  ['our token at our address', `http://10.0.0.9:8080/media/t/${TOKEN}/boot.iso`, 'ours'],
  ['our token at an address of old', `http://10.9.9.9:8080/media/t/${TOKEN}/boot.iso`, 'ours'],
  ['our token without the port', `http://10.9.9.9/media/t/${TOKEN}/boot.iso`, 'ours'],
  ['our token without the scheme', `10.9.9.9:8080/media/t/${TOKEN}/boot.iso`, 'ours'],
  ['a token that is gone at our address', `http://10.0.0.9:8080/media/t/${OTHER}/boot.iso`, 'ours'],
  ['the same without the port', `http://10.0.0.9/media/t/${OTHER}/boot.iso`, 'ours'],
  ['the same without the scheme', `//10.0.0.9/media/t/${OTHER}/boot.iso`, 'ours'],
  ['the same as a bare host', `10.0.0.9/media/t/${OTHER}/boot.iso`, 'ours'],
  ['the same as a bare host with its port', `10.0.0.9:8080/media/t/${OTHER}/boot.iso`, 'ours'],
  ['a name of ours', `https://Deploy.test:8444/media/t/${OTHER}/task.img`, 'ours'],
  ['IPv6', `http://[2001:db8::9]:8080/media/t/${OTHER}/boot.iso`, 'ours'],
  ['IPv6 written out', `http://[2001:0DB8:0:0:0:0:0:9]/media/t/${OTHER}/boot.iso`, 'ours'],
  ['another appliance', `http://10.0.0.8:8080/media/t/${OTHER}/boot.iso`, 'another-appliance'],
  ['another by IPv6', `http://[2001:db8::8]:8080/media/t/${OTHER}/boot.iso`, 'another-appliance'],
  ['our address as part of a name', `http://10.0.0.9.evil/media/t/${OTHER}/x`, 'another-appliance'],
  ['our address as a user', `http://10.0.0.9@10.0.0.8/media/t/${OTHER}/x`, 'another-appliance'],
  ['no host at all', `/media/t/${OTHER}/boot.iso`, 'another-appliance'],
  ['somebody’s ISO', 'http://10.0.0.8/images/debian.iso', 'other'],
  ['an ISO at our address, not of a job', 'http://10.0.0.9:8080/media/isos/x.iso', 'other'],
  ['a share', '\\\\nas\\isos\\debian.iso', 'other'],
  ['nothing', '', 'other'],
])('%s is %3$s', async (_, url, owner) => {
  expect(await ownerOf(temporary.db, url, OWN)).toBe(owner)
})

test('the host is told without scheme, port and brackets', () => {
  expect(imageHost('http://10.0.0.8:8080/media/t/x/boot.iso')).toBe('10.0.0.8')
  expect(imageHost('https://[2001:db8::8]:8444/media/t/x/boot.iso')).toBe('2001:db8::8')
  expect(imageHost('not a url')).toBe('')
})
