// SPDX-License-Identifier: AGPL-3.0-or-later
import { builtInPlugins } from '../appliance/plugins.ts'
import type {
  Bmc,
  BmcState,
  ControllerSurvey,
  Drive,
  MediaPlan,
  PowerState,
} from '../core/jobs/bmc.ts'
import type { ControllerIdentity, ControllerProfile } from '../core/jobs/controller.ts'
import { definePlugin, type Plugin } from '../core/plugin.ts'

const IDENTITY: ControllerIdentity = {
  ...{ vendor: 'Test', product: '', redfishVersion: '1.0.0', systemManufacturer: 'Test' },
  ...{ systemModel: 'Test', managerModel: '', managerFirmware: '1', oem: [] },
}
const PROFILE: ControllerProfile = { name: 'test', because: 'it is one', rules: {} }

type DriveName = 'A' | 'B' | 'C'

/**
 * A controller at the edge of core: every verb is written down, and done at once unless a test holds
 * it up or lets it fail. It outlives its sessions, as a real one does.
 */
export class RecordedBmc implements Bmc {
  readonly identity = IDENTITY
  readonly profile = PROFILE
  readonly localAddress = '127.0.0.1'
  readonly mediaPlan: MediaPlan = {
    name: 'two-cd',
    drives: { boot: 'A', task: 'B' },
    scheme: 'http',
    bootTarget: 'Cd',
    why: 'the test says so',
  }
  /** What changed something, in order: `powerOff`, `eject A`, `insert A URL`, `override Cd` … */
  readonly verbs: string[] = []
  power: PowerState = 'Off'
  override: BmcState['bootOverride'] = { enabled: 'Disabled', target: 'None' }
  /** Ejects are answered and change nothing. */
  stale = false
  /** What closing the session throws. */
  closing: Error | undefined
  sessions = 0
  readonly #drives = new Map<DriveName, { inserted: boolean; image: string | undefined }>()
  readonly #before = new Map<string, (signal: AbortSignal) => Promise<void>>()

  put(drive: DriveName, image: string | undefined): void {
    this.#drives.set(drive, { inserted: true, image })
  }
  imageIn(drive: DriveName): string | undefined {
    return this.#drives.get(drive)?.image
  }
  /** Verbs that begin so fail from now on; undefined: no more. */
  fail(verb: string, error: Error | undefined): void {
    if (error) this.#before.set(verb, () => Promise.reject(error))
    else this.#before.delete(verb)
  }
  /** The next verb that begins so hangs until its signal; resolves when it is there. */
  hang(verb: string): Promise<void> {
    const there = Promise.withResolvers<void>()
    this.#before.set(verb, (signal) => {
      this.#before.delete(verb)
      there.resolve()
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
    })
    return there.promise
  }

  async #do(verb: string, signal: AbortSignal): Promise<void> {
    this.verbs.push(verb)
    for (const [name, before] of this.#before) if (verb.startsWith(name)) await before(signal)
  }

  async read(): Promise<BmcState> {
    const drives = (['A', 'B', 'C'] as const).map((id): Drive => {
      const { inserted, image } = this.#drives.get(id) ?? { inserted: false, image: undefined }
      return {
        ...{ uri: id, id, owner: 'system', mediaTypes: ['CD'], schemes: ['http'], inserted, image },
        connectedVia: undefined,
      }
    })
    return { power: this.power, drives, bootOverride: this.override }
  }
  async survey(): Promise<ControllerSurvey> {
    throw new Error('nobody probes here')
  }
  async plan(): Promise<MediaPlan> {
    return this.mediaPlan
  }
  async powerOff(signal: AbortSignal): Promise<void> {
    await this.#do('powerOff', signal)
    this.power = 'Off'
  }
  async powerOn(signal: AbortSignal): Promise<void> {
    await this.#do('powerOn', signal)
    this.power = 'On'
  }
  async restart(signal: AbortSignal): Promise<void> {
    await this.#do('restart', signal)
    this.power = 'On'
  }
  async insertMedia(drive: string, imageUrl: string, signal: AbortSignal): Promise<void> {
    await this.#do(`insert ${drive} ${imageUrl}`, signal)
    this.put(drive as DriveName, imageUrl)
  }
  async ejectMedia(drive: string, _ours: unknown, signal: AbortSignal) {
    await this.#do(`eject ${drive}`, signal)
    if (this.stale) return 'stale' as const
    this.#drives.delete(drive as DriveName)
    return 'confirmed' as const
  }
  async overrideBootOnce(target: string, signal: AbortSignal): Promise<void> {
    await this.#do(`override ${target}`, signal)
    this.override = { enabled: 'Once', target }
  }
  async clearBootOverride(signal: AbortSignal): Promise<void> {
    await this.#do('clear override', signal)
    this.override = { enabled: 'Disabled', target: 'None' }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.sessions--
    if (this.closing) throw this.closing
  }
}

/** Our plugins, with this controller for every machine in the place of Redfish. */
export const withRecordedBmc = (bmc: RecordedBmc): readonly Plugin[] =>
  builtInPlugins.map((plugin) =>
    plugin.name === 'redfish'
      ? definePlugin({
          name: plugin.name,
          config: plugin.config,
          setup: ({ hooks }) =>
            hooks.bmc.tapPromise('recorded', async () => {
              bmc.sessions++
              return bmc
            }),
        })
      : plugin,
  )
