// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { createHooks } from '../../core/hooks.ts'
import type { Bmc } from '../../core/jobs/bmc.ts'
import type {
  ControllerIdentity,
  ControllerProfile,
  ControllerRules,
} from '../../core/jobs/controller.ts'
import type { Machine, TlsPolicy } from '../../core/machines/machine.ts'
import type { Host, Plugin } from '../../core/plugin.ts'
import { redfish } from '../../plugins/redfish/index.ts'

export interface ContactOptions {
  readonly url: string
  readonly tls?: TlsPolicy
  readonly systemUri?: string
  readonly mediaPlan?: Machine['mediaPlan']
  readonly username?: string
  readonly password?: string
  /** Keys of `[redfish]`, laid over times that suit a test. */
  readonly config?: Readonly<Record<string, number>>
  /** What a profile of the test's own says. */
  readonly rules?: ControllerRules
  /** Plugins with profiles. */
  readonly profiles?: readonly Plugin[]
  readonly now?: () => number
  /** As for somebody at a keyboard. */
  readonly hurried?: boolean
}

/** One appliance's way to a BMC: the plugin behind its hook, and what it told. */
export interface Contact extends AsyncDisposable {
  /** Opens a session through the `bmc` hook; the caller disposes it. */
  open(): Promise<Bmc>
  readonly notes: readonly string[]
  /** Fingerprints that were kept. */
  readonly pinned: readonly string[]
  /** As after a restart of the appliance: the same data folder, nothing in memory. */
  restart(): Promise<void>
}

const QUICK = {
  connect_timeout_s: 2,
  request_timeout_s: 5,
  poll_ms: 5,
  insert_timeout_s: 5,
  insert_confirm_s: 0.2,
  eject_timeout_s: 0.2,
  boot_timeout_s: 2,
  power_timeout_s: 2,
  retry_pause_ms: 1,
  rung_pause_ms: 1,
}

const STANDARD: ControllerProfile = { name: 'standard', because: 'of the test', rules: {} }

export const machineAt = (options: ContactOptions): Machine => ({
  id: 'machine-1',
  serial: 'SER-1',
  aliases: [],
  bmc: {
    url: options.url,
    systemUri: options.systemUri,
    tls: options.tls ?? { mode: 'insecure' },
  },
  mediaBaseUrl: undefined,
  reportBaseUrls: undefined,
  mediaPlan: options.mediaPlan,
  labels: {},
  protected: false,
  inventory: undefined,
  survey: undefined,
  createdAt: 0,
  updatedAt: 0,
})

export async function createContact(options: ContactOptions): Promise<Contact> {
  const dataDir = await mkdtemp(join(tmpdir(), 'slipway-redfish-'))
  const notes: string[] = []
  const pinned: string[] = []
  const machine = machineAt(options)
  const start = () => {
    const hooks = createHooks()
    const host = {
      hooks,
      dataDir,
      now: options.now ?? Date.now,
      machines: {
        credentials: async () => ({
          username: options.username ?? 'admin',
          password: options.password ?? 'secret-of-the-bmc',
        }),
        pin: async (_: Machine, fingerprint: string) => void pinned.push(fingerprint),
      },
      profileOf: (identity: ControllerIdentity) =>
        hooks.profile.call(identity) ?? { ...STANDARD, rules: options.rules ?? {} },
      // Only what these plugins touch: the rest of the appliance is not here.
    } as unknown as Host
    for (const plugin of options.profiles ?? []) plugin.setup(host, v.parse(plugin.config, {}))
    redfish.setup(host, v.parse(redfish.config, { ...QUICK, ...options.config }))
    return hooks
  }
  let hooks = start()
  return {
    notes,
    pinned,
    async open() {
      const watch = {
        note: (level: string, text: string) => void notes.push(`${level}: ${text}`),
        hurried: options.hurried ?? false,
      }
      const bmc = await hooks.bmc.promise(machine, watch)
      if (!bmc) throw new Error('nobody answered the bmc hook')
      return bmc
    },
    async restart() {
      hooks = start()
    },
    [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true, force: true }),
  }
}
