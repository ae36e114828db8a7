// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Certificates } from './certificates.ts'
import { shake } from './handshake.ts'
import { fingerprint256 } from './identity.ts'
import { selfSigned } from './self-signed.ts'
import { freshDir as folderIn, open, openssl } from './test-bed.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'slipway-certificates-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const freshDir = () => folderIn(root)

describe('a TLS handshake', () => {
  let certificates: Certificates
  let other: Certificates
  beforeAll(async () => {
    certificates = await open(await freshDir(), Date.now(), ['pxe.example', '*.lab.example'])
    other = await open(await freshDir())
  })
  const serve = () => ({ key: certificates.key, cert: certificates.cert })

  test.each([
    { name: 'by address', options: {} },
    { name: 'by name', options: { servername: 'localhost' } },
    { name: 'by a further name', options: { servername: 'pxe.example' } },
    { name: 'by a name under the star', options: { servername: 'x.lab.example' } },
  ])('succeeds $name with our CA', async ({ options }) => {
    const { verdict } = await shake(serve(), { ca: certificates.caPem, ...options })
    expect(verdict).toBe('ok')
  })

  test('fails by a name that we do not have', async () => {
    const { verdict } = await shake(serve(), { ca: certificates.caPem, servername: 'evil.example' })
    expect(verdict).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  })

  test('fails with the CA of another appliance', async () => {
    const { verdict } = await shake(serve(), { ca: other.caPem })
    expect(verdict).toMatch(/UNABLE_TO_(VERIFY|GET)|SELF_SIGNED|unable to/)
  })

  test('hands over the CA, so that a client can hold its fingerprint against one it was told', async () => {
    const chain = certificates.cert.split(/(?=-----BEGIN)/)
    expect(chain).toHaveLength(2)
    expect(fingerprint256(chain[1] ?? '')).toBe(certificates.caFingerprint)
  })

  test('in both directions shows the name of the client', async () => {
    const mutual = {
      ...serve(),
      ca: certificates.caPem,
      requestCert: true,
      rejectUnauthorized: true,
    }
    const ours = certificates.issueClient('job-1', 1)
    const good = await shake(mutual, { ca: certificates.caPem, key: ours.key, cert: ours.cert })
    expect(good).toEqual({ verdict: 'ok', seen: ['job-1'] })

    const theirs = other.issueClient('job-1', 1)
    const bad = await shake(mutual, { ca: certificates.caPem, key: theirs.key, cert: theirs.cert })
    expect(bad.verdict).not.toBe('ok')
    expect(bad.seen).toEqual([])
    const none = await shake(mutual, { ca: certificates.caPem })
    expect(none.verdict).not.toBe('ok')
  })

  test('with a self-signed certificate succeeds for who trusts exactly that', async () => {
    const { key, cert, fingerprint } = selfSigned({ names: ['bmc-1', '127.0.0.1'], days: 10 })
    expect(fingerprint).toBe(fingerprint256(cert))
    expect((await shake({ key, cert }, { ca: cert })).verdict).toBe('ok')
    expect((await shake({ key, cert }, {})).verdict).not.toBe('ok')
    const ended = selfSigned({ names: ['127.0.0.1'], days: -1 })
    expect((await shake(ended, { ca: ended.cert })).verdict).toBe('CERT_HAS_EXPIRED')
  })
})

describe('openssl', () => {
  let dir: string
  let certificates: Certificates
  const file = (name: string) => join(dir, name)
  beforeAll(async () => {
    dir = await freshDir()
    certificates = await open(dir, Date.now(), ['192.0.2.7', '2001:db8::5', '::ffff:192.0.2.9'])
    await writeFile(file('ca.crt'), certificates.caPem)
    await writeFile(file('server.crt'), certificates.cert)
    await writeFile(file('client.crt'), certificates.issueClient('XF-1', 30).cert)
  })

  test.each([
    { purpose: 'sslserver', cert: 'server.crt', extra: ['-verify_ip', '127.0.0.1'] },
    { purpose: 'sslserver', cert: 'server.crt', extra: ['-verify_ip', '2001:db8::5'] },
    { purpose: 'sslserver', cert: 'server.crt', extra: ['-verify_ip', '::ffff:192.0.2.9'] },
    { purpose: 'sslserver', cert: 'server.crt', extra: ['-verify_hostname', 'box.lab.example'] },
    { purpose: 'sslclient', cert: 'client.crt', extra: [] },
  ])('takes $cert as $purpose $extra', ({ purpose, cert, extra }) => {
    const strict = ['verify', '-x509_strict', '-CAfile', file('ca.crt'), '-purpose', purpose]
    expect(openssl(...strict, ...extra, file(cert))).toMatchObject({ ok: true })
  })

  test.each([
    { purpose: 'sslclient', cert: 'server.crt', extra: [] },
    { purpose: 'sslserver', cert: 'client.crt', extra: [] },
    { purpose: 'sslserver', cert: 'server.crt', extra: ['-verify_ip', '192.0.2.8'] },
  ])('does not take $cert as $purpose $extra', ({ purpose, cert, extra }) => {
    const strict = ['verify', '-x509_strict', '-CAfile', file('ca.crt'), '-purpose', purpose]
    expect(openssl(...strict, ...extra, file(cert)).ok).toBe(false)
  })

  test('reads what we meant to say', () => {
    const ca = openssl('x509', '-in', file('ca.crt'), '-noout', '-text').text
    expect(ca).toContain('CA:TRUE, pathlen:0')
    expect(ca).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/)
    expect(ca).toMatch(/Subject: CN ?= ?Slipway CA [0-9a-f]{8}\n/)
    expect(ca).toContain('ASN1 OID: prime256v1')
    const server = openssl('x509', '-in', file('server.crt'), '-noout', '-text').text
    expect(server).toContain('CA:FALSE')
    expect(server).toContain('TLS Web Server Authentication')
    expect(server).toContain('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
    expect(server).toContain('IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:5')
  })

  test('finds a serial number that is positive and at most 20 octets long', () => {
    const serial = openssl('x509', '-in', file('server.crt'), '-noout', '-serial').text.trim()
    expect(serial).toMatch(/^serial=[4-7][0-9A-F]{31}$/)
  })
})
