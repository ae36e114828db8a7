// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { definedFaults, defineFaults, Fault, sentence } from './faults.ts'

const [area] = [`test-${crypto.randomUUID().slice(0, 8)}`]
const faults = defineFaults(area, {
  plain: { status: 409, retry: false },
  severalWords: { status: 503, retry: true },
  old_style: { status: 400, retry: false, word: 'invalid_recipe' },
})

describe('a code', () => {
  test('is area, dot and the name in kebab case; underscores stay', () => {
    expect(faults.plain('x').code).toBe(`${area}.plain`)
    expect(faults.severalWords('x').code).toBe(`${area}.several-words`)
    expect(faults.old_style('x').code).toBe(`${area}.old_style`)
  })

  test('is known with its kind, and defined once', () => {
    expect(definedFaults.get(`${area}.several-words`)).toEqual({ status: 503, retry: true })
    expect(() => defineFaults(area, { plain: { status: 400, retry: false } })).toThrow(
      `${area}.plain is defined twice`,
    )
  })
})

test('a fault carries its kind, details, headers and cause', () => {
  const cause = new Error('why')
  const details = [{ path: '/a', field: 'a', code: 'c', message: 'm' }]
  const fault = faults.plain('no', {
    cause,
    details,
    retryAfterSeconds: 5,
    headers: { 'X-A': '1' },
  })
  expect(fault).toBeInstanceOf(Fault)
  expect(fault).toMatchObject({
    ...{ message: 'no', cause, details, retryAfterSeconds: 5, headers: { 'X-A': '1' } },
    kind: { status: 409, retry: false },
  })
  expect('cause' in faults.plain('no')).toBe(false)
})

describe('the sentence of an error', () => {
  test('holds the sentences of its causes', () => {
    const error = new Error('outer', { cause: new Error('middle', { cause: 'inner' }) })
    expect(sentence(error)).toBe('outer: middle: inner')
  })

  test('of a fault is its own: it says all that a person needs', () => {
    const fault = faults.plain('the port is taken; choose another', { cause: new Error('EADDR') })
    expect(sentence(fault)).toBe('the port is taken; choose another')
    expect(sentence(new Error('start', { cause: fault }))).toBe(
      'start: the port is taken; choose another',
    )
  })

  test('of what is no error is its text', () => {
    expect(sentence('text')).toBe('text')
    expect(sentence(undefined)).toBe('undefined')
  })
})
