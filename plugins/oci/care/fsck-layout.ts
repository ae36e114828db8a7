// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Paths } from '../store/paths.ts'
import type { Problem } from './fsck-object.ts'

/** The file's text; undefined when there is no regular file of this name. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    if (!(await lstat(path)).isFile()) return undefined
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

function isLayoutVersion(text: string | undefined): boolean {
  try {
    const version: unknown = JSON.parse(text ?? '')
    return (version as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion === '1.0.0'
  } catch {
    return false
  }
}

/** Compares the two files of a layout with what the rows make of them; `expected` is `index.json`. */
export async function inspectLayout(
  paths: Paths,
  repository: string,
  expected: string,
): Promise<readonly Problem[]> {
  const folder = paths.repository(repository)
  const problems: Problem[] = []
  if (!isLayoutVersion(await textOf(join(folder, 'oci-layout')))) {
    const detail = 'the file oci-layout is missing or does not say version 1.0.0'
    problems.push({ kind: 'layout', repository, detail })
  }
  const index = await textOf(join(folder, 'index.json'))
  if (index !== expected) {
    const detail =
      index === undefined ? 'index.json is missing' : 'index.json is not what the rows say'
    problems.push({ kind: 'index', repository, detail })
  }
  return problems
}
