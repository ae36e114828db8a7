// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { $ } from 'bun'
import type { Version } from '../schemas/version.ts'

/** Version, commit and the commit's date: facts of the tree, none of the clock or the machine. */
export async function buildStamp(root: string): Promise<Version> {
  const { version } = (await Bun.file(join(root, 'package.json')).json()) as { version: string }
  // the checkout may belong to another user, as in a container
  const git = ['git', '-c', `safe.directory=${root}`]
  const log = await $`${git} log -1 --format=%H%n%cI`.cwd(root).nothrow().quiet()
  if (log.exitCode !== 0) return { version, commit: 'unknown', commit_date: '' }
  const [hash = '', commitDate = ''] = log.text().trim().split('\n')
  const changes = await $`${git} status --porcelain`.cwd(root).quiet()
  return {
    version,
    commit: changes.text() === '' ? hash : `${hash}-dirty`,
    commit_date: commitDate,
  }
}
