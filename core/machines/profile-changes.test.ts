// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { profileChanges } from './profile-changes.ts'

const facts = { name: 'any', because: 'a test' }

test('says what is sent or chosen otherwise, and nothing for a profile that only advises', () => {
  const rules = {
    bootTarget: 'UsbCd',
    twoImages: false,
    insertWithout: ['Inserted'],
    advice: ['Take care.'],
  }
  expect(profileChanges({ ...facts, rules, oem: ['insert', 'eject'] })).toEqual([
    'boot target UsbCd',
    'one image at a time',
    'inserts never carry Inserted',
    'the family’s own way of insert, eject',
  ])
  expect(profileChanges({ ...facts, rules: { advice: ['Take care.'], twoImages: true } })).toEqual(
    [],
  )
})
