// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { createHooks } from '../../core/hooks.ts'
import { createRecipes, type Recipes } from '../../core/jobs/recipes.ts'
import { createLog } from '../../core/log.ts'
import { createRegistry } from '../../core/metrics/registry.ts'
import { type HostParts, setUpPlugins } from '../host.ts'
import { builtInPlugins } from '../plugins.ts'

/**
 * The recipes that this executable knows, by its plugins' defaults, without an appliance around
 * them: plugins are set up (which only taps hooks) and never started.
 */
export async function offlineRecipes(): Promise<Recipes> {
  const hooks = createHooks()
  const dataDir = await mkdtemp(join(tmpdir(), 'slipway-recipe-'))
  try {
    const configs = builtInPlugins.map(({ name, config }) => [name, v.parse(config, {})])
    setUpPlugins(builtInPlugins, Object.fromEntries(configs), {
      hooks,
      dataDir,
      log: createLog('error', process.stderr),
      now: Date.now,
      see: () => absent('see'),
      jobs: absentNoun<HostParts['jobs']>('jobs'),
      machines: absentNoun<HostParts['machines']>('machines'),
      auth: absentNoun<HostParts['auth']>('auth'),
      // No listeners here: what a recipe calls by a host name is somebody else's.
      addresses: {
        fieldPort: () => undefined,
        apiPort: () => undefined,
        localUrl: () => undefined,
        own: () => [],
        names: () => [],
      },
      db: absentNoun<HostParts['db']>('db'),
      metrics: createRegistry(),
      sealer: absentNoun<HostParts['sealer']>('sealer'),
    })
    return createRecipes(hooks)
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** Stands where an appliance has something: a plugin that uses it before its start has a bug. */
function absentNoun<T extends object>(noun: string): T {
  return new Proxy({} as T, { get: () => absent(noun) })
}

function absent(noun: string): never {
  throw new Error(`a plugin used ${noun} while it was set up, without an appliance`)
}
