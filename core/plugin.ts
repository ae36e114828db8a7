// SPDX-License-Identifier: AGPL-3.0-or-later
import type * as v from 'valibot'
import type { Addresses } from './addresses.ts'
import type { Auth } from './auth/auth.ts'
import type { DeclaredCommand } from './command.ts'
import type { Sighting, TappableHooks } from './hooks.ts'
import type { ControllerIdentity, ControllerProfile } from './jobs/controller.ts'
import type { Jobs } from './jobs/jobs.ts'
import type { Logger } from './log.ts'
import type { Machines } from './machines/machines.ts'
import type { Registry } from './metrics/registry.ts'
import type { Sealer } from './seal.ts'
import type { Db } from './store/client.ts'

// biome-ignore lint/suspicious/noExplicitAny: valibot's own base type needs `any` for its issue
export type ConfigSchema = v.GenericSchema<any, any>

/** What a plugin is given. It has nothing else: no globals, no reach into core. */
export interface Host {
  readonly hooks: TappableHooks
  readonly jobs: Jobs
  readonly machines: Machines
  /** Who is calling, and what may they do? One user store for every door. */
  readonly auth: Auth
  /** Where this appliance can be reached; filled once its listeners are open. */
  readonly addresses: Addresses
  /** The plugin's own folder below the data folder; made at first use. */
  readonly dataDir: string
  /** For the plugin's own tables (`migrations`). */
  readonly db: Db
  /** For secrets in the plugin's own tables; opens nothing that others sealed. */
  readonly sealer: Sealer
  /** What `/metrics` shows; a plugin's names begin with `slipway_` and its own. */
  readonly metrics: Registry
  /** Already carries `{ plugin: name }`. */
  readonly log: Logger
  /** Unix time in ms. The only clock; tests turn it by hand. */
  readonly now: () => number
  /** Says what was seen of a job; kept on the job, told to the watchers. */
  readonly see: (sighting: Sighting) => void
  /** Asks the `profile` hook; the standard's own rules when nobody answers. */
  readonly profileOf: (identity: ControllerIdentity) => ControllerProfile
}

/** A family of controllers that a plugin knows, for people. */
export interface KnownProfile {
  /** As `machine probe` shows it. */
  readonly name: string
  /** Models and firmware, in a few words. */
  readonly covers: string
  /** The profile as a file of rules would hold it, where it is data alone. */
  readonly data?: unknown
}

/** A sub-command of the executable that reads its own options: `slipway simulator …`. */
export interface RawCommand {
  readonly name: string
  readonly summary: string
  /** Talks to the appliance over HTTP; never opens the database. Returns the exit code. */
  run(args: readonly string[], installed: readonly Plugin[]): Promise<number>
}

/** A sub-command of the executable, under the plugin's word. */
export type Command = RawCommand | DeclaredCommand

export interface Plugin<S extends ConfigSchema = ConfigSchema> {
  /** Kebab case, equal to the folder name; key of its block in the config file. */
  readonly name: string
  /** Plugins that must stand before this one in appliance/plugins.ts; only their `index.ts` may be imported. */
  readonly after?: readonly string[]
  /** Strict: an unknown key in the config file stops the start. */
  readonly config: S
  /** Folder of migrations; every table's name begins with the plugin's. */
  readonly migrations?: string
  readonly commands?: readonly Command[]
  /** Controllers that its tap of `profile` knows; `slipway redfish profiles` lists them. */
  readonly profiles?: readonly KnownProfile[]
  /** Taps hooks. No I/O here: what opens something belongs in the `start` hook. */
  setup(host: Host, config: v.InferOutput<S>): void
}

/** Gives `setup` the type of the config schema; does nothing at run time. */
export const definePlugin = <S extends ConfigSchema>(plugin: Plugin<S>): Plugin<S> => plugin
