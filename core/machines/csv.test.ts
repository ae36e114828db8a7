// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { machinesFromCsv } from './csv.ts'

const plain = { serial: 'S1', bmc_url: 'https://10.0.0.5', username: 'root', password: 'pw' }

describe('separators', () => {
  test.each([
    ['commas', ','],
    ['semicolons', ';'],
    ['tabs', '\t'],
  ])('%s', (_, mark) => {
    const text = ['serial,bmc_url,username,password', 'S1,https://10.0.0.5,root,pw']
      .join('\r\n')
      .replaceAll(',', mark)
    expect(machinesFromCsv(text)).toEqual([plain])
  })

  test('are looked for in the head line, wherever it stands', () => {
    expect(machinesFromCsv('\n\nserial;labels\nS1;"rack=a,b"\n')).toEqual([
      { serial: 'S1', labels: { rack: 'a,b' } },
    ])
  })
})

test('a byte order mark, spaces around cells and empty lines do not matter', () => {
  const text = '\u{feff}serial , username\n\n S1 , root \n\n'
  expect(machinesFromCsv(text)).toEqual([{ serial: 'S1', username: 'root' }])
})

test('quotes hold separators, line ends and quotes', () => {
  const text = 'serial,password\nS1,"a,""b""\nc"\n'
  expect(machinesFromCsv(text)).toEqual([{ serial: 'S1', password: 'a,"b"\nc' }])
})

test('an empty cell counts as not given', () => {
  expect(machinesFromCsv('serial,protected,aliases,labels,tls\nS1,,,,\n')).toEqual([
    { serial: 'S1' },
  ])
})

test('lists and labels hold several values', () => {
  const text =
    'serial,aliases,report_base_urls,labels\nS1,a b;c,https://one https://two,rack=r1 role=db=1\n'
  expect(machinesFromCsv(text)).toEqual([
    {
      serial: 'S1',
      aliases: ['a', 'b', 'c'],
      report_base_urls: ['https://one', 'https://two'],
      labels: { rack: 'r1', role: 'db=1' },
    },
  ])
})

describe('protected', () => {
  test.each([
    ['true', true],
    ['Yes', true],
    ['1', true],
    ['false', false],
    ['NO', false],
    ['0', false],
  ])('%s is %p', (cell, expected) => {
    expect(machinesFromCsv(`serial,protected\nS1,${cell}\n`)).toEqual([
      { serial: 'S1', protected: expected },
    ])
  })

  test('any other word is left for the schema to refuse, not read as no', () => {
    expect(machinesFromCsv('serial,protected\nS1,ja\n')).toEqual([
      { serial: 'S1', protected: 'ja' },
    ])
  })
})

describe('tls', () => {
  const pin = Array(32).fill('AB').join(':')
  test.each<[string, string, object]>([
    ['a mode', 'tls\ninsecure', { mode: 'insecure' }],
    ['a fingerprint is a pin', `tls_fingerprint\n${pin}`, { mode: 'pin', fingerprint: pin }],
    ['a CA is checked', 'tls_ca_pem\n"PEM"', { mode: 'ca', ca_pem: 'PEM' }],
    [
      'a mode with its fingerprint',
      `tls,tls_fingerprint\npin,${pin}`,
      { mode: 'pin', fingerprint: pin },
    ],
  ])('%s', (_, text, tls) => {
    expect(machinesFromCsv(text)).toEqual([{ tls }])
  })

  test('a column that we do not know is kept, so that the schema names it', () => {
    expect(machinesFromCsv('serial,tls_fingerprnt\nS1,AB\n')).toEqual([
      { serial: 'S1', tls_fingerprnt: 'AB' },
    ])
  })
})

test('a head line without rows is no machine', () => {
  expect(machinesFromCsv('serial,bmc_url\n')).toEqual([])
  expect(machinesFromCsv('')).toEqual([])
})

test.each([
  ['a row with a cell too many', 'serial,password\nS1,pw\nS2,hunter2,surplus\n', 3],
  ['a quote in the middle', 'serial,password\nS1,hunter2"x"\n', 2],
  ['something behind a quote', 'serial,password\nS1,"hunter2"x\n', 2],
  ['a quote that never ends', 'serial,password\nS1,"hunter2\n', 2],
])('%s is refused with its line, and without what the cell holds', (_, text, line) => {
  expect(() => machinesFromCsv(text)).toThrow(
    expect.objectContaining({
      code: 'machine.import',
      message: expect.stringContaining(`line ${line} `),
    }),
  )
  expect(() => machinesFromCsv(text)).not.toThrow(/hunter2/)
})
