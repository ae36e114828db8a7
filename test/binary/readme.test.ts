// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../..')

/** The shell block under a heading of the README. */
async function blockUnder(heading: string): Promise<string> {
  const readme = await Bun.file(join(ROOT, 'README.md')).text()
  const section = readme.split(/^## /m).find((each) => each.startsWith(heading)) ?? ''
  const block = /```sh\n([\s\S]*?)```/.exec(section)?.[1]
  if (!block) throw new Error(`no shell block under ${heading}`)
  return block
}

test('the first job by curl works as the README has it, when pasted', async () => {
  const script = await blockUnder('First job')
  // A network of its own: the default ports are free there, whatever runs here.
  const run = Bun.spawn(
    ['unshare', '-n', 'bash', '-c', `set -eu; ip link set lo up; set -m; ${script}`],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } },
  )
  const [out, err] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
  ])
  expect({ code: await run.exited, err }).toMatchObject({ code: 0 })
  expect(out).toContain('event: end')
  expect(out).toContain('"status":"complete"')
  expect(out).toContain('"result":"succeeded"')
})
