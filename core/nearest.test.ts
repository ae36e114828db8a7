// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { didYouMean, distance, nearest } from './nearest.ts'

test.each([
  ['size', 'size', 0],
  ['sise', 'size', 1],
  ['szie', 'size', 1],
  ['siz', 'size', 1],
  ['sizes', 'size', 1],
  ['', 'size', 4],
])('from %s to %s it is %p', (a, b, steps) => {
  expect(distance(a, b)).toBe(steps)
  expect(distance(b, a)).toBe(steps)
})

test.each([
  ['partition_layuot', 'partition_layout'],
  ['OCI_URL', 'oci_url'],
  ['user-data', 'user_data'],
  ['completely_else', undefined],
  ['', undefined],
])('%s was probably meant as %p', (word, meant) => {
  expect(nearest(word, ['oci_url', 'user_data', 'partition_layout'])).toBe(meant as string)
})

test('a sentence is continued only when there is something to say', () => {
  expect(didYouMean('oci_ulr', ['oci_url'])).toBe('; did you mean `oci_url`?')
  expect(didYouMean('x', [])).toBe('')
})
