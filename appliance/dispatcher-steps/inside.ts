// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { stepFaults } from './faults.ts'

/**
 * A link of an image must not lead us out of the new root: what we write would land in the
 * maintenance OS. Judges the folders of the path that are there. Throws `step.image`.
 */
export async function assertInside(root: string, path: string): Promise<void> {
  if (path.split('/').includes('..')) throw escapes(path)
  const top = await realpath(root)
  let there = join(top, path)
  for (;;) {
    const real = await realpath(there).catch(() => undefined)
    if (real === top || real?.startsWith(`${top}/`)) return
    if (real !== undefined) throw escapes(path)
    // A link that leads nowhere yet leads out as soon as somebody makes it.
    if ((await lstat(there).catch(() => undefined))?.isSymbolicLink()) throw escapes(path)
    there = dirname(there)
  }
}

const escapes = (path: string) =>
  stepFaults.image(
    `the image would write outside of the new root (${path.slice(0, 200)}): it is damaged or hostile`,
  )
