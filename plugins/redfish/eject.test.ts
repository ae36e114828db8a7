// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { DRIVE as A, startDriveBmc } from '../../test/fake-bmc/drive-bmc.ts'
import { refusalBody } from '../../test/fake-bmc/scripted.ts'
import type { Resource } from '../../test/fake-bmc/tree.ts'

const IMAGE = 'http://10.0.0.1:8080/media/t/0123/boot.iso'
const OLD = 'http://10.0.0.9/old.iso'
const signal = AbortSignal.timeout(30_000)
const everything = () => true

describe('an image goes out', () => {
  test('with an empty object as the body', async () => {
    await using met = await startDriveBmc()
    met.fill(IMAGE)
    expect(await met.session.ejectMedia(A, everything, signal)).toBe('confirmed')
    expect(met.orders().map(({ text }) => text)).toEqual(['{}'])
  })

  test.each([400, 415])('without a body when {} is answered %d', async (status) => {
    await using met = await startDriveBmc({
      eject: ({ text }) => (text === '' ? undefined : { status }),
    })
    met.fill(IMAGE)
    expect(await met.session.ejectMedia(A, everything, signal)).toBe('confirmed')
    expect(met.orders().map(({ text }) => text)).toEqual(['{}', ''])
  })

  test('not at all when the drive is empty', async () => {
    await using met = await startDriveBmc()
    expect(await met.session.ejectMedia(A, everything, signal)).toBe('confirmed')
    expect(met.orders()).toEqual([])
  })

  test('not when it is not ours', async () => {
    await using met = await startDriveBmc()
    met.fill(OLD)
    expect(await met.session.ejectMedia(A, (url) => url === IMAGE, signal)).toBe('confirmed')
    expect(met.orders()).toEqual([])
  })

  test.each<{ name: string; after: Resource }>([
    { name: 'Inserted is false', after: { Inserted: false, Image: IMAGE, ConnectedVia: 'URI' } },
    {
      name: 'it is NotConnected',
      after: { Inserted: true, Image: IMAGE, ConnectedVia: 'NotConnected' },
    },
    { name: 'another image is in', after: { Inserted: true, Image: OLD, ConnectedVia: 'URI' } },
  ])('and is out when $name', async ({ after }) => {
    await using met = await startDriveBmc({
      eject: () => {
        Object.assign(met.drive, after)
        return { status: 204 }
      },
    })
    met.fill(IMAGE)
    expect(await met.session.ejectMedia(A, (url) => url === IMAGE, signal)).toBe('confirmed')
  })

  test('stale, with a warning, when the drive goes on showing it', async () => {
    await using met = await startDriveBmc({ eject: () => ({ status: 204 }) })
    met.fill(IMAGE)
    expect(await met.session.ejectMedia(A, everything, signal)).toBe('stale')
    expect(met.contact.notes.join('\n')).toContain('warn:')
  })

  test('after some 5xx', async () => {
    let left = 2
    await using met = await startDriveBmc({
      eject: () => (left-- > 0 ? { status: 503 } : undefined),
    })
    met.fill(IMAGE)
    expect(await met.session.ejectMedia(A, everything, signal)).toBe('confirmed')
  })

  test('a refusal is fine when the drive reads empty after it', async () => {
    await using met = await startDriveBmc({
      eject: () => {
        met.empty()
        return { status: 400, body: refusalBody('IDRAC.2.8.VRM0009', 'No media is attached.') }
      },
    })
    met.fill(IMAGE)
    expect(await met.session.ejectMedia(A, everything, signal)).toBe('confirmed')
  })

  test.each([400, 401, 403, 404, 409, 500])(
    'a refusal with %d is never swallowed',
    async (status) => {
      await using met = await startDriveBmc({ eject: () => ({ status }) })
      met.fill(IMAGE)
      await expect(met.session.ejectMedia(A, everything, signal)).rejects.toMatchObject({
        code: expect.stringMatching(/^redfish\.(eject|unauthorized)$/),
      })
    },
  )

  test('by PATCH where there is no action', async () => {
    await using met = await startDriveBmc({
      drive: { Actions: {} },
      more: {
        [`PATCH ${A}`]: ({ body }) => {
          // Lenovo takes Image and Inserted together; others Image alone.
          if ('Inserted' in (body as Resource)) return { status: 400 }
          met.empty()
          return { status: 200 }
        },
      },
    })
    met.fill(IMAGE)
    expect(await met.session.ejectMedia(A, everything, signal)).toBe('confirmed')
    expect(met.bodies()).toEqual([{ Image: null, Inserted: false }, { Image: null }])
  })
})
