// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Hooks, TappableHooks } from '../core/hooks.ts'
import type { ControllerIdentity, ControllerProfile } from '../core/jobs/controller.ts'
import type { Logger } from '../core/log.ts'
import type { Host, Plugin } from '../core/plugin.ts'
import type { Sealer } from '../core/seal.ts'

/** What every plugin's host shares. */
export type HostParts = Omit<Host, 'hooks' | 'dataDir' | 'log' | 'profileOf'> & {
  readonly hooks: Hooks
  readonly dataDir: string
  readonly log: Logger
}

/** Redfish as written: what a controller gets that no profile knows. */
const STANDARD: ControllerProfile = {
  name: 'standard',
  because: 'no profile knows this controller; the standard’s own rules hold',
  rules: {},
}

const profileOf =
  (hooks: Hooks) =>
  (identity: ControllerIdentity): ControllerProfile =>
    hooks.profile.call(identity) ?? STANDARD

/** For watchers and advisers: an error of theirs is logged under their name and changes nothing. */
const quietly =
  <A extends readonly unknown[], R>(log: Logger, hook: string, work: (...args: A) => R) =>
  (...args: A): R | undefined => {
    try {
      return work(...args)
    } catch (error) {
      log.error({ hook, err: error }, 'a tap failed')
      return undefined
    }
  }

/** The hooks as one plugin sees them: each tap carries its name, and its errors are told apart. */
function hooksFor(name: string, hooks: Hooks, log: Logger): TappableHooks {
  return {
    ...hooks,
    start: {
      tapPromise: (_, open) =>
        hooks.start.tapPromise(name, async (scope) => {
          const own = new AsyncDisposableStack()
          scope.use(own)
          await open(own)
        }),
    },
    ready: {
      tapPromise: (_, check) =>
        hooks.ready.tapPromise(name, async () => {
          try {
            await check()
          } catch (error) {
            throw new Error(name, { cause: error })
          }
        }),
    },
    profile: { tap: (_, know) => hooks.profile.tap(name, quietly(log, 'profile', know)) },
    seen: { tap: (_, watch) => hooks.seen.tap(name, quietly(log, 'seen', watch)) },
    changed: { tap: (_, watch) => hooks.changed.tap(name, quietly(log, 'changed', watch)) },
  }
}

/** Boxes of one plugin: they open for no other, and nothing of core's opens for it. */
const sealerFor = (name: string, sealer: Sealer): Sealer => ({
  get keyId() {
    return sealer.keyId
  },
  seal: (plain, context) => sealer.seal(plain, `plugin/${name}/${context}`),
  open: (box, context) => sealer.open(box, `plugin/${name}/${context}`),
})

/** Throws when a plugin stands before one that it needs. */
function checkOrder(plugins: readonly Plugin[]): void {
  const before = new Set<string>()
  for (const { name, after = [] } of plugins) {
    const missing = after.find((other) => !before.has(other))
    if (missing) throw new Error(`plugin ${name} must stand after ${missing}`)
    if (before.has(name)) throw new Error(`plugin ${name} is listed twice`)
    before.add(name)
  }
}

/** Sets the plugins up in their order; opens nothing. `configs` holds each one's parsed block. */
export function setUpPlugins(
  plugins: readonly Plugin[],
  configs: Readonly<Record<string, unknown>>,
  parts: HostParts,
): void {
  checkOrder(plugins)
  for (const plugin of plugins) {
    const log = parts.log.child({ plugin: plugin.name })
    let folder: string | undefined
    plugin.setup(
      {
        ...parts,
        hooks: hooksFor(plugin.name, parts.hooks, log),
        sealer: sealerFor(plugin.name, parts.sealer),
        log,
        profileOf: profileOf(parts.hooks),
        get dataDir() {
          if (folder === undefined) {
            folder = join(parts.dataDir, plugin.name)
            mkdirSync(folder, { recursive: true, mode: 0o700 })
          }
          return folder
        },
      },
      configs[plugin.name],
    )
  }
}
