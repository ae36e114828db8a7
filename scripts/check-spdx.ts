// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every source file says its licence, once, in its first three lines. */
import { basename, join, resolve } from 'node:path'
import { $ } from 'bun'

const LINE = /^(?:\/\/|#|--|<!--|\/\*) SPDX-License-Identifier: AGPL-3\.0-or-later\b/
const SOURCE =
  /\.(tsx?|mjs|css|sh|toml|service|target|mount|socket|timer|container|network|volume)$|^Containerfile/
/** Generated, or bytes that must not change. */
const EXEMPT = /^test\/(fixtures|golden)\/|\/migrations\/|^dist\//

const root = resolve(import.meta.dir, '..')

/** Scripts without an ending are known by their first line. */
const isSource = (file: string, text: string) =>
  SOURCE.test(basename(file)) || (!basename(file).includes('.') && text.startsWith('#!'))

// the checkout may belong to another user, as in a container
const listed = await $`git -c safe.directory=${root} ls-files --cached --others --exclude-standard`
  .cwd(root)
  .quiet()
const wrong: string[] = []
let checked = 0
for (const name of listed.text().trim().split('\n')) {
  const file = Bun.file(join(root, name))
  if (EXEMPT.test(name) || !(await file.exists())) continue
  const text = await file.text()
  if (!isSource(name, text)) continue
  checked += 1
  const lines = text.split('\n')
  if (!lines.slice(0, 3).some((line) => LINE.test(line))) wrong.push(`${name}: no SPDX line`)
  if (lines.filter((line) => LINE.test(line)).length > 1) wrong.push(`${name}: two SPDX lines`)
}
for (const problem of wrong) console.error(problem)
console.log(`SPDX lines of ${checked} files`)
process.exit(wrong.length === 0 ? 0 : 1)
