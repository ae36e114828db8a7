// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createRedactor } from './redact.ts'

test.each([
  ['a password', 'login as admin with pa$$"word', 'login as admin with […]'],
  ['a password inside JSON', String.raw`{"Password":"pa$$\"word"}`, '{"Password":"[…]"}'],
  ['a password inside a URL', 'ftp://x:pa%24%24%22word@h', 'ftp://x:[…]@h'],
  [
    'a media token',
    'no image at http://10.0.0.1:8080/media/t/0123456789abcdef/boot.iso',
    'no image at http://10.0.0.1:8080/media/t/[…]/boot.iso',
  ],
  [
    'a media token in a path of its own',
    '{"ShareName":"media/t/0123456789abcdef","ImageName":"task.iso"}',
    '{"ShareName":"media/t/[…]","ImageName":"task.iso"}',
  ],
  ['nothing', 'all is well', 'all is well'],
])('%s is taken out', (_, text, clean) => {
  expect(createRedactor('pa$$"word').clean(text)).toBe(clean)
})

test('a secret that comes later is hidden too, and a short one hides nothing', () => {
  const redactor = createRedactor('ab')
  redactor.hide('token-of-a-session')
  expect(redactor.clean('about token-of-a-session')).toBe('about […]')
})
