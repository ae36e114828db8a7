// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sentence } from '../../core/faults.ts'
import { installFaults } from './faults.ts'
import type { InstallPlan, PlannedFile } from './plan.ts'

export type Outcome = 'written' | 'kept' | 'unchanged'

const contentOf = ({ content }: PlannedFile) =>
  'text' in content ? Promise.resolve(content.text) : readFile(content.from)

/** Does the path hold exactly that already? `undefined`: there is no such file. */
async function same(file: PlannedFile): Promise<boolean | undefined> {
  const present = await readFile(file.path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return present && Buffer.from(await contentOf(file)).equals(present)
}

/** What `place` would do. */
export async function foresee(file: PlannedFile): Promise<Outcome> {
  const present = await same(file)
  if (present === undefined) return 'written'
  if (present) return 'unchanged'
  return file.keep ? 'kept' : 'written'
}

/** Puts a file in its place, whole or not at all: a running executable can not be written over. */
async function place(file: PlannedFile): Promise<Outcome> {
  const outcome = await foresee(file)
  if (outcome !== 'written') return outcome
  const temporary = `${file.path}.${process.pid}.new`
  try {
    await mkdir(dirname(file.path), { recursive: true, mode: 0o755 })
    if ('from' in file.content) await copyFile(file.content.from, temporary)
    else await writeFile(temporary, file.content.text)
    await chmod(temporary, file.mode)
    await rename(temporary, file.path)
  } finally {
    await rm(temporary, { force: true })
  }
  return outcome
}

async function run(command: readonly string[]): Promise<void> {
  const line = command.join(' ')
  let child: Bun.Subprocess<'ignore', 'ignore', 'pipe'>
  try {
    child = Bun.spawn([...command], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (cause) {
    throw installFaults.refused(`\`${line}\` can not be run: is this a system with systemd?`, {
      cause,
    })
  }
  const [code, said] = await Promise.all([child.exited, child.stderr.text()])
  if (code === 0) return
  throw installFaults.refused(
    `\`${line}\` failed (${code}): ${said.trim() || 'it does not say why'}`,
  )
}

/** Carries the plan out; may be repeated. Throws `install.refused`. */
export async function install(plan: InstallPlan): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>()
  for (const file of plan.files) {
    try {
      outcomes.set(file.path, await place(file))
    } catch (cause) {
      throw installFaults.refused(
        `${file.path} can not be written (${sentence(cause)}): run it as root, or choose another --root`,
        { cause },
      )
    }
  }
  for (const command of plan.commands) await run(command)
  return outcomes
}
