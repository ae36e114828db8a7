// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { createCertificates } from './certificates.ts'

/** For tests: a folder of its own below `root`. */
export const freshDir = (root: string) => mkdtemp(join(root, 'dir-'))

/** For tests: certificates of a box with the same names everywhere. */
export const open = (dir: string, at = Date.now(), names: readonly string[] = []) =>
  createCertificates({
    dir,
    now: () => at,
    names: () => names,
    ownNames: () => ['localhost', '127.0.0.1', '::1', 'box.lab.example'],
  })

/** The real tool, for a second opinion. */
export const openssl = (...args: string[]) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['openssl', ...args])
  return { ok: exitCode === 0, text: stdout.toString() + stderr.toString() }
}
