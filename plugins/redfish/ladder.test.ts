// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import transferProtocol from '../../test/fixtures/answers/transfer_proto_required_error.json'
import { createLadder, type InsertBody } from './ladder.ts'
import { type Message, messagesOf } from './messages.ts'

const URL = 'http://10.0.0.1:8080/media/t/0123/boot.iso'
const ladder = (parts: Partial<Parameters<typeof createLadder>[0]> = {}) =>
  createLadder({ imageUrl: URL, rules: {}, required: [], by: 'action', ...parts })
const message = (id: string, text = '', ...args: string[]): Message => ({
  id,
  text,
  args,
  resolution: '',
})
const missing = (name: string) => [message('Base.1.8.ActionParameterMissing', '', 'insert', name)]

describe('the first body', () => {
  test.each([
    { name: 'is the image alone', parts: {}, body: { Image: URL } },
    {
      name: 'has what the profile adds',
      parts: { rules: { insertWith: { WriteProtected: true } } },
      body: { Image: URL, WriteProtected: true },
    },
    {
      name: 'has what ActionInfo requires',
      parts: { required: ['Image', 'TransferProtocolType', 'Inserted'] },
      body: { Image: URL, TransferProtocolType: 'HTTP', Inserted: true },
    },
    {
      name: 'follows the scheme of the image',
      parts: { imageUrl: 'https://a/b.iso', required: ['TransferProtocolType'] },
      body: { Image: 'https://a/b.iso', TransferProtocolType: 'HTTPS' },
    },
    {
      name: 'says Inserted in a PATCH',
      parts: { by: 'patch' as const },
      body: { Image: URL, Inserted: true },
    },
    {
      name: 'has nothing that the profile bars, whatever ActionInfo says',
      parts: { rules: { insertWithout: ['Inserted'] }, required: ['Inserted'] },
      body: { Image: URL },
    },
  ])('$name', ({ parts, body }) => {
    expect(ladder(parts).first).toEqual(body)
  })
})

describe('the next body', () => {
  test('adds what the controller says is missing', () => {
    const { first, next } = ladder()
    expect(next(first, messagesOf(transferProtocol))).toEqual({
      Image: URL,
      TransferProtocolType: 'HTTP',
    })
  })

  test.each([
    { asked: 'TransferMethod', added: { TransferMethod: 'Stream' } },
    { asked: 'UserName', added: { UserName: 'none', Password: 'none' } },
    { asked: 'Inserted', added: { Inserted: true } },
    { asked: 'WriteProtected', added: { WriteProtected: true } },
  ])('adds $asked when it is asked for', ({ asked, added }) => {
    const { first, next } = ladder()
    expect(next(first, missing(asked))).toEqual({ Image: URL, ...added })
  })

  test('takes a member named only in the words of a general error', () => {
    const { first, next } = ladder()
    const words = [message('Base.1.0.GeneralError', 'TransferProtocolType is a required field.')]
    expect(next(first, words)).toEqual({ Image: URL, TransferProtocolType: 'HTTP' })
  })

  test('drops what was sent and is complained about, and never adds it again', () => {
    const { first, next } = ladder({ rules: { insertWith: { Inserted: true } } })
    const refused = [message('Base.1.4.ActionParameterUnknown', '', 'insert', 'Inserted')]
    const second = next(first, refused)
    expect(second).toEqual({ Image: URL })
    expect(next(second ?? {}, missing('Inserted'))).toBeUndefined()
  })

  test('does not add a member because the controller does not know it', () => {
    const { first, next } = ladder()
    expect(next(first, [message('Base.1.8.PropertyUnknown', '', 'WriteProtected')])).toBeUndefined()
  })

  test('climbs rung by rung when the controller names no cause, and ends', () => {
    const { first, next } = ladder()
    const bodies: InsertBody[] = []
    for (let body = next(first, []); body && bodies.length < 20; body = next(body, [])) {
      bodies.push(body)
    }
    expect(
      bodies.map((body) =>
        Object.keys(body)
          .filter((key) => key !== 'Image')
          .sort(),
      ),
    ).toEqual([
      ['TransferProtocolType'],
      ['TransferMethod', 'TransferProtocolType'],
      ['Password', 'TransferMethod', 'TransferProtocolType', 'UserName'],
      ['Inserted', 'Password', 'TransferMethod', 'TransferProtocolType', 'UserName'],
      [
        'Inserted',
        'Password',
        'TransferMethod',
        'TransferProtocolType',
        'UserName',
        'WriteProtected',
      ],
    ])
  })

  test('leaves barred members out of the climb', () => {
    const barred = ['Inserted', 'WriteProtected']
    const { first, next } = ladder({ rules: { insertWithout: barred } })
    let body: InsertBody | undefined = first
    const seen = new Set<string>()
    while (body) {
      for (const key of Object.keys(body)) seen.add(key)
      body = next(body, [])
    }
    expect(barred.filter((name) => seen.has(name))).toEqual([])
  })

  test('learns nothing from a cause that no member cures', () => {
    const { first, next } = ladder()
    const lost = [message('IDRAC.2.8.VRM0021', 'Unable to locate the ISO or IMG image file.')]
    expect(next(first, lost)).toBeUndefined()
  })

  test('ends for every sequence of answers', () => {
    const names = [
      'TransferProtocolType',
      'TransferMethod',
      'UserName',
      'Inserted',
      'WriteProtected',
    ]
    for (let seed = 0; seed < 500; seed++) {
      const { first, next } = ladder()
      let body: InsertBody | undefined = first
      let steps = 0
      for (let state = seed + 1; body !== undefined; steps++) {
        state = (state * 48_271) % 2_147_483_647
        const name = names[state % names.length] ?? ''
        body = next(body, state % 7 === 0 ? [] : missing(name))
        expect(steps).toBeLessThan(20)
      }
    }
  })
})
