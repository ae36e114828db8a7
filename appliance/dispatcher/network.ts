// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import { SECOND } from '../../core/units.ts'
import { Network } from '../../schemas/recipe-network.ts'
import { at, type MachineOs } from './machine-os.ts'
import { type NetworkPlan, PREFIX, planNetwork } from './network-plan.ts'
import { judgeNetwork, readLinks } from './network-state.ts'

const FOLDER = '/run/systemd/network'

/** LACP and spanning tree take half a minute to let anything through. */
const PATIENCE_MS = 60 * SECOND
/** Once one interface is up: the others may be unplugged for years. */
const OTHERS_MS = 10 * SECOND
const LOOK_MS = SECOND

const NetworkOfRecipe = v.looseObject({ network: v.optional(Network) })

/** The network that a recipe asks for; undefined when it asks for none, or is no valid recipe: that is judged later. */
export function networkOf(recipe: unknown): Network | undefined {
  const parsed = v.safeParse(NetworkOfRecipe, recipe)
  return parsed.success ? parsed.output.network : undefined
}

/** The machine's network, set up as the recipe says before the first call to the appliance. */
export class MachineNetwork {
  readonly #os: MachineOs
  readonly #tell: (message: string) => void
  #plan: NetworkPlan | undefined

  constructor(os: MachineOs, tell: (message: string) => void) {
    this.#os = os
    this.#tell = tell
  }

  /**
   * Hands the files to systemd-networkd and waits for addresses. Never throws: who can not be called
   * is tried for long, and over another card the appliance may be reached still. Returns what is wrong.
   */
  async open(network: Network | undefined): Promise<string | undefined> {
    const had = this.#plan
    this.#plan = network && planNetwork(network)
    if (this.#plan ?? had) await this.#apply(this.#plan?.files ?? new Map())
    return await this.#wait()
  }

  /** Why nobody can be called, for the console: there is no other way to say it. */
  async explain(): Promise<string> {
    const links = await readLinks(this.#os)
    if (!links) return 'the state of the network is not known: `ip` does not answer'
    const { up, lacking } = judgeNetwork(links, this.#plan?.wanted)
    if (up.length === 0) return `there is no network: ${lacking.join('; ')}`
    return `the network is there (${[...up, ...lacking].join('; ')}): is the appliance up, and is the way to it open?`
  }

  async #apply(files: NetworkPlan['files']): Promise<void> {
    const folder = at(this.#os, FOLDER)
    try {
      await mkdir(folder, { recursive: true })
      const old = (await readdir(folder)).filter((name) => name.startsWith(PREFIX))
      for (const name of old) if (!files.has(name)) await rm(join(folder, name))
      for (const [name, text] of files) {
        this.#tell(`network: writing ${FOLDER}/${name}`)
        await writeFile(join(folder, name), text, { mode: 0o644 })
      }
    } catch (error) {
      this.#tell(`network: ${FOLDER} can not be written: ${sentence(error)}`)
      return
    }
    const { code, stderr } = await this.#os.run(['networkctl', 'reload'])
    this.#tell(`network: networkctl reload ended with ${code} ${stderr.trim()}`.trimEnd())
  }

  async #wait(): Promise<string | undefined> {
    const began = this.#os.elapsed()
    let upSince: number | undefined
    for (;;) {
      const links = await readLinks(this.#os)
      if (!links) return undefined
      const { up, lacking } = judgeNetwork(links, this.#plan?.wanted)
      const now = this.#os.elapsed()
      if (up.length > 0) upSince ??= now
      const isEnough = up.length > 0 && (lacking.length === 0 || this.#plan === undefined)
      const tired = now - began >= PATIENCE_MS || now - (upSince ?? now) >= OTHERS_MS
      if (isEnough || tired) return this.#tellEnd(up, isEnough ? [] : lacking)
      await this.#os.pause(LOOK_MS)
    }
  }

  #tellEnd(up: readonly string[], lacking: readonly string[]): string | undefined {
    for (const words of up) this.#tell(`network: ${words}`)
    for (const words of lacking) this.#tell(`network: ${words}`)
    if (lacking.length === 0) return undefined
    return lacking.join('; ')
  }
}
