// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { executable } from '../binary/executable.ts'
import { maintenanceIso, nodeImage, qemuTree, type Say } from './artifacts.ts'
import { makeSshKey, type SshKey } from './ssh.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'

/** What all stages of this checkout share; made where the cache lacks it. */
export interface Artifacts {
  readonly executable: string
  readonly qemu: string
  readonly node: string
  readonly iso: string
}

/** Takes minutes when nothing is in the cache. Needs `scripts/build`. */
export async function artifacts(say: Say): Promise<Artifacts> {
  const built = executable()
  const [qemu, [node, iso]] = await Promise.all([
    qemuTree(say),
    // One after the other: both unpack in memory, on two cores.
    (async () => [await nodeImage(say), await maintenanceIso(built, say)] as const)(),
  ])
  return { executable: built, qemu, node, iso }
}

/** A stage in a folder of its own. */
export interface OwnStage extends AsyncDisposable {
  readonly stage: Stage
  readonly key: SshKey
  readonly folder: string
  /** The end of what the machine wrote to its console, for when something went wrong. */
  console(): Promise<string>
}

/** Opens it; nothing of it is left at the end of the scope. */
export async function ownStage(
  made: Artifacts,
  options: Partial<StageOptions> = {},
): Promise<OwnStage> {
  await using scope = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-e2e-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))
  const stage = scope.use(await openStage({ ...made, folder, ...options }))
  const key = await makeSshKey(folder)
  const open = scope.move()
  return {
    ...{ stage, key, folder },
    console: async () => (await readFile(stage.serialFile, 'utf8').catch(() => '')).slice(-3_000),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}
