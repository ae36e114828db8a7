// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { DRIVE as A, startDriveBmc } from '../../test/fake-bmc/drive-bmc.ts'
import { refusalBody } from '../../test/fake-bmc/scripted.ts'
import type { Resource } from '../../test/fake-bmc/tree.ts'
import { showsImage } from './insert.ts'

const IMAGE = 'http://10.0.0.1:8080/media/t/0123/boot.iso'
const OLD = 'http://10.0.0.9/old.iso'
const signal = AbortSignal.timeout(30_000)

const missing = (name: string) => ({
  status: 400,
  body: refusalBody('Base.1.5.ActionParameterMissing', `${name} is needed.`, ['insert', name]),
})

describe('an image goes in', () => {
  test('with its URL alone, and is looked for', async () => {
    await using met = await startDriveBmc()
    await met.session.insertMedia(A, IMAGE, signal)
    expect(met.bodies()).toEqual([{ Image: IMAGE }])
    expect(met.drive['Image']).toBe(IMAGE)
  })

  test('after what is in was taken out, even when it is the same', async () => {
    await using met = await startDriveBmc()
    met.fill(IMAGE)
    await met.session.insertMedia(A, IMAGE, signal)
    expect(met.orders().map(({ path }) => path)).toEqual([`${A}/eject`, `${A}/insert`])
  })

  test('with the members that the controller asks for, one after the other', async () => {
    await using met = await startDriveBmc({
      insert: ({ body }) => {
        const given = body as Resource
        const next = ['TransferProtocolType', 'TransferMethod', 'Inserted'].find(
          (n) => !(n in given),
        )
        return next === undefined ? undefined : missing(next)
      },
    })
    await met.session.insertMedia(A, IMAGE, signal)
    expect(met.bodies().at(-1)).toEqual({
      Image: IMAGE,
      TransferProtocolType: 'HTTP',
      TransferMethod: 'Stream',
      Inserted: true,
    })
    expect(met.contact.notes.join('\n')).toContain('“TransferMethod is needed.”')
  })

  test('without what the profile adds and the controller rejects', async () => {
    await using met = await startDriveBmc(
      {
        insert: ({ body }) =>
          'Inserted' in (body as Resource)
            ? {
                status: 400,
                body: refusalBody('Base.1.4.ActionParameterUnknown', '', ['x', 'Inserted']),
              }
            : undefined,
      },
      { rules: { insertWith: { Inserted: true } } },
    )
    await met.session.insertMedia(A, IMAGE, signal)
    expect(met.bodies()).toEqual([{ Image: IMAGE, Inserted: true }, { Image: IMAGE }])
  })

  test('into a controller that answers only when it has fetched everything', async () => {
    await using met = await startDriveBmc(
      {
        insert:
          ({ body }) =>
          (response) => {
            setTimeout(() => {
              met.fill((body as { Image: string }).Image)
              response.writeHead(204).end()
            }, 600)
          },
      },
      { config: { request_timeout_s: 0.3, insert_timeout_s: 5 } },
    )
    await met.session.insertMedia(A, IMAGE, signal)
    expect(met.bodies()).toHaveLength(1)
  })

  test('when the controller was not ready three times', async () => {
    let left = 3
    await using met = await startDriveBmc({
      insert: () => (left-- > 0 ? { status: 500 } : undefined),
    })
    await met.session.insertMedia(A, IMAGE, signal)
    expect(met.bodies()).toHaveLength(4)
  })

  test('after an eject, when the drive was fuller than it said', async () => {
    let freed = false
    await using met = await startDriveBmc({
      insert: () =>
        freed
          ? undefined
          : { status: 400, body: refusalBody('iLO.2.15.MaxVirtualMediaConnectionEstablished') },
      eject: () => {
        freed = true
        return undefined
      },
    })
    await met.session.insertMedia(A, IMAGE, signal)
    expect(met.orders().map(({ path }) => path.split('/').at(-1))).toEqual([
      'insert',
      'eject',
      'insert',
    ])
  })

  test('by PATCH with the drive’s ETag, when there is no action', async () => {
    const drive = { Actions: {}, '@odata.etag': 'W/"7"' }
    const seen: (string | undefined)[] = []
    await using met = await startDriveBmc({
      drive,
      more: {
        [`GET ${A}`]: () => ({ headers: { Allow: 'GET, PATCH' }, body: met.drive }),
        [`PATCH ${A}`]: ({ headers, body }) => {
          seen.push(headers['if-match'] as string | undefined)
          if (headers['if-match'] !== '"7"') return { status: 412 }
          Object.assign(met.drive, body)
          met.drive['ConnectedVia'] = 'URI'
          return { status: 200, body: {} }
        },
      },
    })
    await met.session.insertMedia(A, IMAGE, signal)
    expect(seen).toEqual(['W/"7"', '"7"'])
    expect(met.bodies().at(-1)).toEqual({ Image: IMAGE, Inserted: true })
  })
})

describe('a 202', () => {
  const monitor = '/redfish/v1/TaskService/TaskMonitors/1'
  const accepted = { status: 202, headers: { Location: `https://bmc.internal${monitor}` } }

  test('is followed to the end of its task', async () => {
    let looks = 0
    await using met = await startDriveBmc({
      insert: () => accepted,
      more: {
        [`GET ${monitor}`]: () => {
          if (++looks < 4) return { status: 202, body: { TaskState: 'Running' } }
          met.fill(IMAGE)
          return { status: 200, body: { TaskState: 'Completed' } }
        },
      },
    })
    await met.session.insertMedia(A, IMAGE, signal)
    expect(looks).toBe(4)
  })

  test.each(['a list', 'one object'])('that fails is told in its own words: %s', async (shape) => {
    const message = { MessageId: 'iBMC.1.0.FileTransferFailed', Message: 'The file is not there.' }
    const Messages = shape === 'a list' ? [message] : message
    await using met = await startDriveBmc({
      insert: () => accepted,
      more: { [`GET ${monitor}`]: () => ({ body: { TaskState: 'Exception', Messages } }) },
    })
    const error = await met.session.insertMedia(A, IMAGE, signal).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.task' })
    expect(error.message).toContain(
      'ended as Exception: “The file is not there.” (iBMC.1.0.FileTransferFailed)',
    )
    expect(met.contact.notes.join('\n')).toContain('The file is not there.')
  })

  test.each([
    [
      'the operation’s own 4xx',
      { status: 400, body: refusalBody('X.1.0.No', 'No such file.') },
      'No such file.',
    ],
    ['a killed task', { body: { TaskState: 'Killed' } }, 'Killed'],
    [
      'completed, but critical',
      { body: { TaskState: 'Completed', TaskStatus: 'Critical' } },
      'Completed',
    ],
  ])('fails with %s', async (_, reply, words) => {
    await using met = await startDriveBmc({
      insert: () => accepted,
      more: { [`GET ${monitor}`]: () => reply },
    })
    const error = await met.session.insertMedia(A, IMAGE, signal).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.task' })
    expect(error.message).toContain(words)
  })

  test('whose monitor vanishes is over: the drive decides', async () => {
    await using met = await startDriveBmc({
      insert: () => {
        met.fill(IMAGE)
        return accepted
      },
    })
    await met.session.insertMedia(A, IMAGE, signal)
  })

  test('that does not end in time is an error', async () => {
    await using met = await startDriveBmc(
      { insert: () => accepted, more: { [`GET ${monitor}`]: () => ({ status: 202 }) } },
      { config: { insert_timeout_s: 0.1 } },
    )
    await expect(met.session.insertMedia(A, IMAGE, signal)).rejects.toMatchObject({
      code: 'redfish.task',
      message: expect.stringContaining('still running'),
    })
  })
})

describe('an insert that fails', () => {
  test.each([
    {
      name: 'a refusal names drive, URI, status and words',
      reply: {
        status: 400,
        body: refusalBody('IDRAC.2.8.VRM0021', 'Unable to locate the ISO or IMG image file.'),
      },
      code: 'redfish.insert',
      says: ['Drive A', `POST ${A}/insert`, '400', 'Unable to locate the ISO'],
    },
    {
      name: 'no such method',
      reply: { status: 405 },
      code: 'redfish.insert',
      says: ['Drive A', '405'],
    },
    { name: '5xx for good', reply: { status: 500 }, code: 'redfish.insert', says: ['500'] },
    {
      name: 'a missing licence',
      reply: {
        status: 403,
        body: refusalBody('SMC.1.0.OemLicenseNotPassed', 'Not licensed to perform this request.'),
      },
      code: 'redfish.license',
      says: ['licence'],
    },
    {
      name: 'a lockdown',
      reply: {
        status: 400,
        body: refusalBody('IDRAC.2.8.SYS428', 'System Lockdown Mode is enabled.'),
      },
      code: 'redfish.locked',
      says: ['lift the lockdown'],
    },
    {
      name: 'a missing privilege',
      reply: { status: 403, body: refusalBody('Base.1.8.InsufficientPrivilege', 'No.') },
      code: 'redfish.unauthorized',
      says: ['virtual media'],
    },
  ])('$name', async ({ reply, code, says }) => {
    await using met = await startDriveBmc({ insert: () => reply })
    const error = await met.session.insertMedia(A, IMAGE, signal).catch((caught) => caught)
    expect(error).toMatchObject({ code })
    expect(error.message).toContain('127.0.0.1')
    for (const words of says) expect(error.message).toContain(words)
  })

  test('an answer of 2xx with another image in the drive', async () => {
    await using met = await startDriveBmc({
      insert: () => {
        met.fill(OLD)
        return { status: 204 }
      },
    })
    await expect(met.session.insertMedia(A, IMAGE, signal)).rejects.toMatchObject({
      code: 'redfish.insert-without-effect',
    })
  })

  test('an answer of 2xx and a drive that stays empty is a warning: the reads will decide', async () => {
    await using met = await startDriveBmc({ insert: () => ({ status: 204 }) })
    await met.session.insertMedia(A, IMAGE, signal)
    expect(met.contact.notes.join('\n')).toContain('warn: The insert was answered well')
  })
})

test.each([
  [IMAGE, true],
  ['http://10.0.0.1/media/t/0123/boot.iso', true],
  ['/media/t/0123/boot.iso', true],
  ['boot.iso', true],
  ['http://10.0.0.1:8080/media/t/9999/boot.iso', false],
  ['other.iso', false],
])('a drive that shows %s shows ours: %p', (shown, ours) => {
  expect(showsImage(shown, IMAGE)).toBe(ours)
})
