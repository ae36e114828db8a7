// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { chmod, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../faults.ts'
import { DAY } from '../units.ts'
import { createCertificates } from './certificates.ts'
import { shake } from './handshake.ts'
import { selfSigned } from './self-signed.ts'
import { freshDir as folderIn, open, openssl } from './test-bed.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'slipway-certificates-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const freshDir = () => folderIn(root)

describe('time', () => {
  const start = Date.UTC(2026, 10, 22)

  test('begins seven days back, and a server certificate lasts 397 in all', async () => {
    const certificates = await open(await freshDir(), start)
    const { validFromDate, validToDate } = new X509Certificate(certificates.cert)
    expect(validFromDate.getTime()).toBe(start - 7 * DAY)
    expect(validToDate.getTime() - validFromDate.getTime()).toBe(397 * DAY)
    expect(certificates.expiresAt).toBe(validToDate.getTime())
    expect(new Date(certificates.caExpiresAt).getUTCFullYear()).toBe(2036)
  })

  test('with less than 30 days left the server certificate is remade, the CA is not', async () => {
    const time = { at: start }
    const dir = await freshDir()
    const parts = { dir, now: () => time.at, names: () => [], ownNames: () => ['localhost'] }
    const certificates = await createCertificates(parts)
    const { caPem, cert, key, expiresAt } = certificates

    time.at = expiresAt - 30 * DAY
    expect(await certificates.renew()).toBe(false)
    expect(certificates.cert).toBe(cert)
    time.at += 1
    expect(await certificates.renew()).toBe(true)
    expect(certificates.caPem).toBe(caPem)
    expect(certificates.key).not.toBe(key)
    expect(certificates.expiresAt).toBeGreaterThan(time.at + 389 * DAY)
    expect(await certificates.renew()).toBe(false)
    expect((await createCertificates(parts)).cert).toBe(certificates.cert)
  })

  test('nothing outlives the CA, and that is no reason to renew for ever', async () => {
    const dir = await freshDir()
    const { caExpiresAt } = await open(dir, start)
    const late = await open(dir, caExpiresAt - 10 * DAY)
    expect(late.expiresAt).toBe(caExpiresAt)
    expect(await late.renew()).toBe(false)
    const client = new X509Certificate(late.issueClient('x', 100).cert)
    expect(client.validToDate.getTime()).toBe(caExpiresAt)
  })

  test.each([
    { name: 'has ended', off: 3_652 * DAY },
    { name: 'has not begun, because the clock was wrong when it was made,', off: -8 * DAY },
  ])('a CA that $name stops the start with a sentence, and stays', async ({ off }) => {
    const dir = await freshDir()
    await open(dir, start)
    const before = await readFile(join(dir, 'ca.pem'), 'utf8')
    const fault = await open(dir, start + off).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: 'certificates.not-now' })
    expect((fault as Fault).message).toContain('from 2026-11-15 to 2036-11-21')
    expect(await readFile(join(dir, 'ca.pem'), 'utf8')).toBe(before)
  })

  test('a server certificate that was made while the clock was ahead is remade', async () => {
    const dir = await freshDir()
    await open(dir, start)
    const ahead = await open(dir, start + 380 * DAY)
    const back = await open(dir, start)
    expect(back.cert).not.toBe(ahead.cert)
    expect(back.expiresAt).toBe(start + 390 * DAY)
  })

  test('from 2050 on is written as RFC 5280 asks', async () => {
    const dir = await freshDir()
    const { caPem } = await open(dir, Date.UTC(2045, 0, 1))
    await writeFile(join(dir, 'ca.crt'), caPem)
    const { text } = openssl('asn1parse', '-in', join(dir, 'ca.crt'))
    expect(text).toMatch(/UTCTIME\s+:441225000000Z/)
    expect(text).toMatch(/GENERALIZEDTIME\s+:2055/)
  })
})

describe('names', () => {
  test('that are missing make a new certificate, once; other spellings are not missing', async () => {
    const certificates = await open(await freshDir(), Date.now(), ['pxe.example', '2001:db8::5'])
    for (const same of ['PXE.example.', '[2001:DB8:0:0::5]', '*.example', 'my_host']) {
      const isNew = ['*.example', 'my_host'].includes(same)
      expect([same, await certificates.renew([same])]).toEqual([same, isNew])
      expect([same, await certificates.renew([same])]).toEqual([same, false])
      await certificates.renew(['pxe.example', '2001:db8::5'])
    }
  })

  test.each([
    'https://pxe.example',
    'pxe.example:8443',
    '1.2.3',
    'a b',
    '',
    'a,b',
    'DNS:x\n',
    '-x',
  ])('%p is refused with a sentence', async (name) => {
    const fault = await open(await freshDir(), Date.now(), [name]).catch((e: unknown) => e)
    expect(fault).toMatchObject({ code: 'certificates.name' })
    expect((fault as Fault).message).toContain(JSON.stringify(name))
  })

  test('of this box are there by themselves', async () => {
    const dir = await freshDir()
    const certificates = await createCertificates({ dir, now: Date.now, names: () => [] })
    const { subjectAltName } = new X509Certificate(certificates.cert)
    expect(subjectAltName).toStartWith('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0')
  })

  test.each(['', 'x'.repeat(65)])('%p can not be the CN of a client', async (cn) => {
    const certificates = await open(await freshDir())
    expect(() => certificates.issueClient(cn, 1)).toThrow(Fault)
  })
})

describe('the files', () => {
  test('hold key and certificate together, for their owner only', async () => {
    const dir = join(await freshDir(), 'keys')
    await open(dir)
    expect((await readdir(dir)).sort()).toEqual(['ca.pem', 'server.pem'])
    expect((await stat(dir)).mode & 0o777).toBe(0o700)
    for (const name of ['ca.pem', 'server.pem']) {
      expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600)
    }
  })

  test('after a crash between CA and server certificate: the CA stays, the rest is made', async () => {
    const dir = await freshDir()
    const { caPem } = await open(dir)
    await rm(join(dir, 'server.pem'))
    await writeFile(join(dir, '.server.pem.half'), '-----BEGIN PRIVATE KEY-----\n')
    const again = await open(dir)
    expect(again.caPem).toBe(caPem)
    expect((await shake(again, { ca: caPem })).verdict).toBe('ok')
  })

  test('a server certificate of another CA is remade', async () => {
    const [dir, elsewhere] = [await freshDir(), await freshDir()]
    await open(dir)
    const other = await open(elsewhere)
    await cp(join(elsewhere, 'ca.pem'), join(dir, 'ca.pem'))
    const again = await open(dir)
    expect(again.caPem).toBe(other.caPem)
    expect((await shake(again, { ca: other.caPem })).verdict).toBe('ok')
  })

  const half = (text: string) => text.slice(0, text.length / 2)
  test.each([
    { name: 'cut in the middle', change: async (text: string) => half(text) },
    { name: 'empty', change: async () => '' },
    {
      name: 'without its key',
      change: async (text: string) => text.replace(/^.*END PRIVATE KEY-----\n/s, ''),
    },
    {
      name: 'with the key of another',
      change: async (text: string) => {
        const { key } = selfSigned({ names: ['x'], days: 1 })
        return key + text.replace(/^.*END PRIVATE KEY-----\n/s, '')
      },
    },
    {
      name: 'with rubbish in the certificate',
      change: async (text: string) => text.replace(/(BEGIN CERTIFICATE-----\n)..../, '$1AAAA'),
    },
  ])('$name are refused with the remedy, and left as they are', async ({ change }) => {
    for (const file of ['ca.pem', 'server.pem']) {
      const dir = await freshDir()
      await open(dir)
      const path = join(dir, file)
      const broken = await change(await readFile(path, 'utf8'))
      await writeFile(path, broken)
      const fault = await open(dir).catch((error: unknown) => error)
      expect(fault).toMatchObject({ code: 'certificates.broken' })
      expect((fault as Fault).message).toContain(path)
      expect((fault as Fault).message).toContain('remove it')
      expect(await readFile(path, 'utf8')).toBe(broken)
    }
  })

  test('a server certificate in the place of the CA is refused', async () => {
    const dir = await freshDir()
    await open(dir)
    await cp(join(dir, 'server.pem'), join(dir, 'ca.pem'))
    expect(await open(dir).catch((error: unknown) => error)).toMatchObject({
      code: 'certificates.broken',
    })
  })

  test('that others may read are refused', async () => {
    const dir = await freshDir()
    await open(dir)
    await chmod(join(dir, 'ca.pem'), 0o640)
    expect(await open(dir).catch((error: unknown) => error)).toMatchObject({
      code: 'private-file.exposed',
    })
  })
})
