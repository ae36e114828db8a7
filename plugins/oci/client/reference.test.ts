// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { parseReference, showReference, wanted } from './reference.ts'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`

describe('a reference', () => {
  test.each([
    ['os/debian', { origin: undefined, repository: 'os/debian', tag: undefined }],
    ['os/debian:13', { origin: undefined, repository: 'os/debian', tag: '13' }],
    ['debian:13', { origin: undefined, repository: 'debian', tag: '13' }],
    ['localhost:5000', { origin: undefined, repository: 'localhost', tag: '5000' }],
    ['localhost/os:1', { origin: 'http://localhost', repository: 'os', tag: '1' }],
    ['127.0.0.1:5000/os:1', { origin: 'http://127.0.0.1:5000', repository: 'os', tag: '1' }],
    ['[::1]:5000/os', { origin: 'http://[::1]:5000', repository: 'os', tag: undefined }],
    ['lab.example/a/b/c:x', { origin: 'https://lab.example', repository: 'a/b/c', tag: 'x' }],
    ['lab:5000/a', { origin: 'https://lab:5000', repository: 'a', tag: undefined }],
    ['lab.example:443/a', { origin: 'https://lab.example', repository: 'a', tag: undefined }],
    ['http://lab:5000/a:1', { origin: 'http://lab:5000', repository: 'a', tag: '1' }],
    ['https://127.0.0.1/a', { origin: 'https://127.0.0.1', repository: 'a', tag: undefined }],
    ['https://lab/a/b', { origin: 'https://lab', repository: 'a/b', tag: undefined }],
    ['127.evil.example/a', { origin: 'https://127.evil.example', repository: 'a' }],
  ])('%s is read', (text, expected) => {
    expect(parseReference(text)).toMatchObject(expected)
  })

  test('may hold tag and digest: the digest decides, and both are shown', () => {
    const reference = parseReference(`lab:5000/os/debian:13@${DIGEST}`)
    expect(reference).toMatchObject({ tag: '13', digest: DIGEST })
    expect(wanted(reference)).toBe(DIGEST)
    expect(showReference(reference)).toBe(`lab:5000/os/debian:13@${DIGEST}`)
    expect(wanted(parseReference('os/debian'))).toBe('latest')
  })

  test.each([
    ['', 'it names no repository'],
    ['lab:5000/', 'it names no repository'],
    ['https://lab', 'it names no repository'],
    ['OS/Debian', 'lower case'],
    ['os//debian', 'is no repository'],
    ['os/../debian', 'is no repository'],
    ['os/debian:', 'a tag is'],
    ['os/debian:a/b', 'a tag is'],
    ['os/debian@sha256:1234', 'a digest is'],
    [`os/debian@${DIGEST.toUpperCase()}`, 'a digest is'],
    [`os@${DIGEST}@${DIGEST}`, 'more than one @'],
    ['user:secret@lab/os', ''],
    ['lab:99999/os', 'is no host'],
    ['a'.repeat(201), 'at most 200'],
    ['os/debian\n:1', 'is no repository'],
  ])('%j is refused with what is wrong', (text, why) => {
    expect(() => parseReference(text)).toThrow(why)
  })
})
