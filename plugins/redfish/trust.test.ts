// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { selfSigned } from '../../core/certificates/self-signed.ts'
import type { TlsPolicy } from '../../core/machines/machine.ts'
import { createContact } from '../../test/fake-bmc/contact.ts'
import { meetBmc } from '../../test/fake-bmc/meet.ts'
import { smallTree, treeBehaviour } from '../../test/fake-bmc/tree.ts'

const signal = AbortSignal.timeout(30_000)
const tree = () => treeBehaviour(smallTree())

describe('TLS', () => {
  const bmcCertificate = selfSigned({ names: ['127.0.0.1'], days: 30 })
  const expired = selfSigned({ names: ['127.0.0.1'], days: -2 })
  const other = selfSigned({ names: ['127.0.0.1'], days: 30 })
  const over = (tls: TlsPolicy, script = bmcCertificate) =>
    meetBmc(tree(), { tls }, { tls: script })

  test.each<{ name: string; policy: TlsPolicy; script?: typeof expired }>([
    { name: 'its CA is given', policy: { mode: 'ca', caPem: bmcCertificate.cert } },
    { name: 'it is pinned', policy: { mode: 'pin', fingerprint: bmcCertificate.fingerprint } },
    {
      name: 'it is pinned in another spelling',
      policy: {
        mode: 'pin',
        fingerprint: bmcCertificate.fingerprint.replaceAll(':', '').toLowerCase(),
      },
    },
    {
      name: 'it is pinned, though it ended long ago',
      policy: { mode: 'pin', fingerprint: expired.fingerprint },
      script: expired,
    },
    { name: 'nothing is checked', policy: { mode: 'insecure' }, script: expired },
  ])('talks when $name', async ({ policy, script }) => {
    await using met = await over(policy, script)
    await using session = await met.contact.open()
    expect((await session.read(signal)).power).toBe('On')
    expect(session.localAddress).toBe('127.0.0.1')
  })

  test('another certificate than the pinned one gets not one request', async () => {
    await using met = await over({ mode: 'pin', fingerprint: other.fingerprint })
    const error = await met.contact.open().catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.certificate-changed' })
    expect(error.message).toContain(bmcCertificate.fingerprint)
    // Somebody else's request, sent later, is the first thing that the BMC hears.
    await fetch(`${met.bmc.url}/later`, { tls: { rejectUnauthorized: false } })
    expect(met.bmc.lines()).toEqual(['GET /later'])
  })

  test.each<{ name: string; policy: TlsPolicy; script?: typeof expired }>([
    { name: 'the system knows no such CA', policy: { mode: 'ca' } },
    { name: 'the given CA is another', policy: { mode: 'ca', caPem: other.cert } },
    { name: 'it ended', policy: { mode: 'ca', caPem: expired.cert }, script: expired },
    {
      name: 'it is for another name',
      policy: { mode: 'ca', caPem: selfSigned({ names: ['bmc.example'], days: 9 }).cert },
    },
  ])('sends nothing when $name', async ({ policy, script }) => {
    await using met = await over(policy, script)
    await expect(met.contact.open()).rejects.toMatchObject({
      code: 'redfish.certificate-untrusted',
      message: expect.stringContaining('pin its fingerprint'),
    })
    expect(met.bmc.lines()).toEqual([])
  })

  test('the first contact pins what it sees, before it logs in', async () => {
    await using met = await over({ mode: 'first-use' })
    await using session = await met.contact.open()
    await session.read(signal)
    expect(met.contact.pinned).toEqual([bmcCertificate.fingerprint])
  })

  test('a certificate that changes after the first contact is refused', async () => {
    await using met = await over({ mode: 'pin', fingerprint: bmcCertificate.fingerprint })
    await using changed = await over(
      { mode: 'pin', fingerprint: bmcCertificate.fingerprint },
      other,
    )
    await using session = await met.contact.open()
    expect((await session.read(signal)).power).toBe('On')
    await expect(changed.contact.open()).rejects.toMatchObject({
      code: 'redfish.certificate-changed',
    })
  })

  test('an old TLS is spoken where there is no newer, and the survey says so', async () => {
    await using met = await meetBmc(
      tree(),
      { tls: { mode: 'pin', fingerprint: bmcCertificate.fingerprint } },
      { tls: { ...bmcCertificate, maxVersion: 'TLSv1.1' } },
    )
    await using session = await met.contact.open()
    expect((await session.survey(signal)).warnings.join(' ')).toContain('no TLS newer than TLSv1.1')
  })

  test('https to a server of plain HTTP says what to change', async () => {
    await using met = await meetBmc(tree())
    const url = met.bmc.url.replace('http:', 'https:')
    await using contact = await createContact({ url })
    await expect(contact.open()).rejects.toMatchObject({
      code: 'redfish.not-redfish',
      message: expect.stringContaining('whether its URL should begin with http://'),
    })
  })
})
