// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import general from '../../test/fixtures/answers/error.json'
import oneObject from '../../test/fixtures/answers/error_single_ext_info.json'
import {
  messagesOf,
  quote,
  saysLicense,
  saysLocked,
  saysNoSession,
  saysNotDuringPost,
  saysOccupied,
  saysTryLater,
} from './messages.ts'

describe('what a body says', () => {
  test('every message of a list, word for word', () => {
    expect(messagesOf(general).map(({ id }) => id)).toEqual([
      'Base.1.0.PropertyValueNotInList',
      'Base.1.0.PropertyNotWriteable',
      'Base.1.0.MalformedJSON',
    ])
    expect(quote(messagesOf(general))).toContain(
      '“The value Red for the property IndicatorLED is not in the list of acceptable values” (Base.1.0.PropertyValueNotInList)',
    )
  })

  test('one object in place of the list', () => {
    expect(messagesOf(oneObject).map(({ id }) => id)).toEqual(['Base.1.5.GeneralError'])
    // What is wrong stands in the resolution.
    expect(quote(messagesOf(oneObject))).toContain('unsupported media type')
  })

  test('an id with arguments where there is no sentence, as iLO sends it', () => {
    const body = {
      error: {
        '@Message.ExtendedInfo': [
          { MessageId: 'Base.1.12.PropertyValueTypeError', MessageArgs: ['"Lit"', 'Led'] },
        ],
      },
    }
    expect(quote(messagesOf(body))).toBe('Base.1.12.PropertyValueTypeError ("Lit", Led)')
  })

  test('the messages of a task, a list or one object', () => {
    const one = { MessageId: 'iBMC.1.0.FileTransferFailed', Message: 'No.' }
    expect(messagesOf({ TaskState: 'Exception', Messages: one })).toHaveLength(1)
    expect(messagesOf({ TaskState: 'Exception', Messages: [one, one] })).toHaveLength(2)
  })

  test('annotations of single properties', () => {
    const body = { 'Boot@Message.ExtendedInfo': [{ MessageId: 'Base.1.0.PropertyNotWritable' }] }
    expect(messagesOf(body)).toHaveLength(1)
  })

  test('code and message of the error when it has no extended information', () => {
    const body = { error: { code: 'Base.1.0.GeneralError', message: 'Broken.' } }
    expect(quote(messagesOf(body))).toBe('“Broken.” (Base.1.0.GeneralError)')
  })

  test.each([
    ['text', 'Forbidden'],
    ['null', null],
    ['a list', [1, 2]],
    [
      'an empty message of Supermicro',
      { TaskState: 'Running', Messages: [{ MessageId: '', Message: '' }] },
    ],
    ['nonsense where messages stand', { error: { '@Message.ExtendedInfo': [7, null, 'x'] } }],
  ])('nothing: %s', (_, body) => {
    expect(messagesOf(body)).toEqual([])
  })
})

describe('what a message means', () => {
  const said = (id: string, text = '') => [{ id, text, args: [], resolution: '' }]
  test.each([
    ['no session', saysNoSession, 'IDRAC.2.8.RAC0218'],
    ['no session', saysNoSession, 'Base.1.8.SessionLimitExceeded'],
    ['later', saysTryLater, 'IDRAC.2.4.SYS518'],
    ['not during POST', saysNotDuringPost, 'iLO.2.15.UnableToModifyDuringSystemPOST'],
    ['not during POST', saysNotDuringPost, 'iLO.2.15.InvalidOperationForSystemState'],
    ['licence', saysLicense, 'iLO.2.15.LicenseKeyRequired'],
    ['licence', saysLicense, 'SMC.1.0.OemLicenseNotPassed'],
    ['occupied', saysOccupied, 'iLO.2.15.MaxVirtualMediaConnectionEstablished'],
    ['occupied', saysOccupied, 'iBMC.1.0.ConnectionOccupied'],
  ])('%s: %p %s', (_, means, id) => {
    expect(means(said(id))).toBe(true)
    expect(means(said('Base.1.8.PropertyUnknown', 'The property Foo is not known.'))).toBe(false)
  })

  test('a lockdown is known by its words', () => {
    expect(saysLocked(said('IDRAC.2.8.SYS428', 'System Lockdown Mode is enabled.'))).toBe(true)
  })
})
