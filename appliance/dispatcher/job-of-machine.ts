// SPDX-License-Identifier: AGPL-3.0-or-later
import { realpathSync } from 'node:fs'
import { Fault, sentence } from '../../core/faults.ts'
import { writePrivateFile } from '../../core/private-file.ts'
import { version } from '../../core/version.ts'
import type { JobDocument } from '../../schemas/job-document.ts'
import { planPartitions } from '../dispatcher-steps/partition-plan.ts'
import { chooseDisk, diskWords } from './choose-disk.ts'
import { assertConsent, contentOf } from './disk-content.ts'
import { type Disk, listDisks } from './disks.ts'
import { writeEnvironment } from './environment.ts'
import { DISPATCHER_UNIT, diskFaults, dispatchFaults, exitCodeOf, stepOf } from './faults.ts'
import type { Identity } from './identity.ts'
import { takeInventory } from './inventory.ts'
import { Link } from './link.ts'
import { at } from './machine-os.ts'
import { assertMemory } from './memory.ts'
import { type MachineNetwork, networkOf } from './network.ts'
import { type DispatchParts, powerOff } from './parts.ts'
import { checkedRecipe, type MachineRecipe, schemaIdOf } from './recipe.ts'
import { type DispatchState, writeState } from './state.ts'
import { parseJson, type TaskMedium } from './task-media.ts'
import { showUnits, unitsOf, wasStarted } from './units.ts'
import { type Outcome, watchTarget } from './watch.ts'

/** Longest sentence of a report. */
const LONGEST_MESSAGE = 1_900

/** What was found fit before the claim. */
interface Checked {
  readonly recipe: MachineRecipe
  readonly schemaId: string
  readonly target: string
  readonly disks: readonly Disk[]
  readonly disk: Disk | undefined
}

/** One job on this boot of its machine, from the checks to the power off. */
export class JobOfMachine implements AsyncDisposable {
  readonly #parts: DispatchParts
  readonly #job: JobDocument
  readonly #identity: Identity
  readonly #network: MachineNetwork
  readonly #link: Link
  readonly #startedAt: string
  /** The job stands in the folder, with the address that answered first. */
  #kept = false

  constructor(parts: DispatchParts, job: JobDocument, identity: Identity, network: MachineNetwork) {
    this.#parts = parts
    this.#network = network
    this.#job = job
    this.#identity = identity
    this.#link = new Link(parts.os, job, parts.signal, parts.tell)
    this.#startedAt = new Date(parts.os.now()).toISOString()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link[Symbol.asyncDispose]()
  }

  /** The exit code; undefined when the claim was refused and another medium may have its turn. */
  async run(medium: TaskMedium, earlier: DispatchState | undefined): Promise<number | undefined> {
    const { os, options } = this.#parts
    const { noStart } = options
    if (!noStart) {
      const lacking = await this.#open(medium)
      const message = lacking?.slice(0, LONGEST_MESSAGE)
      const step = DISPATCHER_UNIT
      await this.#link.progress({ phase: 'booting', step, ...(message && { message }) })
      if (await this.#link.progress({ phase: 'checking', step: DISPATCHER_UNIT })) return undefined
    }
    let state = this.#fresh(earlier)
    try {
      const checked = await this.#check(medium)
      state = { ...state, target: checked.target }
      if (noStart) {
        await this.#writeEnvironment(medium, checked)
        return 0
      }
      await writeState(os, options.folder, state)
      const claimed = await this.#claim(state, checked)
      if (claimed === 'unanswered') this.#parts.tell(await this.#network.explain())
      if (claimed !== 'taken') return undefined
      await this.#writeEnvironment(medium, checked)
    } catch (error) {
      if (noStart) throw error
      return await this.#fail(state, error)
    }
    return await this.#work(state)
  }

  /** After a restart: starts nothing that was started, and delivers what was not answered. */
  async goOn(state: DispatchState): Promise<number> {
    this.#kept = true
    return state.report ? await this.#deliver(state) : await this.#work(state, true)
  }

  async reportMismatch(medium: TaskMedium, message: string): Promise<void> {
    await this.#open(medium)
    await this.#fail(this.#fresh(undefined), diskFaults.mismatch(message))
  }

  /** Before the first call. What is wrong with the network, if anything. */
  async #open({ files }: TaskMedium): Promise<string | undefined> {
    const lacking = await this.#network.open(networkOf(parseJson(files.get('recipe.json'))))
    await this.#link.open()
    return lacking
  }

  /** The nonce of an earlier run on this boot is kept: the claim may have been granted to it. */
  #fresh(earlier: DispatchState | undefined): DispatchState {
    const same = earlier?.job_id === this.#job.job_id ? earlier : undefined
    return {
      job_id: this.#job.job_id,
      phase: 'checked',
      nonce: same?.nonce ?? crypto.randomUUID(),
      target: '',
      started_at: this.#startedAt,
      exit_code: 0,
    }
  }

  /** Everything that can be wrong, looked at without writing to any disk. */
  async #check({ files, from }: TaskMedium): Promise<Checked> {
    const { os, options, tell } = this.#parts
    const schemaId = schemaIdOf(parseJson(files.get('recipe.schema.json')))
    const recipe = checkedRecipe(parseJson(files.get('recipe.json')))
    const target = options.target ?? recipe.task_target
    if (!options.noStart) await this.#assertTarget(target)
    const disks = await listDisks(os)
    if (recipe.target_disk === undefined)
      return { recipe, schemaId, target, disks, disk: undefined }
    await assertMemory(os)
    const disk = chooseDisk(disks, recipe.target_disk, new Set([from]), (path) =>
      realPath(os.root, path),
    )
    const content = await contentOf(os, disk)
    assertConsent(disk, content, recipe.overwrite)
    if (recipe.partition_layout) assertFits(recipe.partition_layout, disk)
    tell(`the disk is ${diskWords(disk)}, ${content.join(', ') || 'empty'}`)
    return { recipe, schemaId, target, disks, disk }
  }

  async #assertTarget(target: string): Promise<void> {
    const [unit] = await showUnits(this.#parts.os, [target])
    if (unit?.load === 'loaded') return
    throw dispatchFaults.systemctl(
      `the maintenance OS has no ${target}: import a maintenance image that knows it`,
    )
  }

  async #claim({ nonce }: DispatchState, { disk, disks }: Checked) {
    const { bootId, serial, uuid } = this.#identity
    return await this.#link.claim({
      nonce,
      boot_id: bootId,
      serial,
      uuid,
      ...(disk ? { target_disk: { path: disk.path, serial: disk.serial, wwn: disk.wwn } } : {}),
      inventory: await takeInventory(this.#parts.os, disks),
    })
  }

  async #writeEnvironment({ files }: TaskMedium, checked: Checked): Promise<void> {
    const { os, options } = this.#parts
    await writeEnvironment(os, options.folder, {
      ...checked,
      job: this.#job,
      serial: this.#identity.serial,
      baseUrl: this.#link.baseUrl,
      startedAt: this.#startedAt,
      files,
    })
    this.#kept = true
  }

  /** Starts the target unless that was done, watches it, reports. */
  async #work(from: DispatchState, again = false): Promise<number> {
    const { os, options, tell } = this.#parts
    const { folder } = options
    const state = { ...from, phase: 'starting' } as const
    try {
      await writeState(os, folder, state)
      if (!again || !(await this.#wasStarted(state.target))) await this.#start(state.target)
    } catch (error) {
      return await this.#fail(state, error)
    }
    const { target } = state
    const outcome = await watchTarget({ os, folder, target, link: this.#link, tell })
    return await this.#end(state, outcome)
  }

  /** Did this boot begin the target already? Its own services say so; what they need may have run before. */
  async #wasStarted(target: string): Promise<boolean> {
    const { os } = this.#parts
    const [state] = await showUnits(os, [target])
    const own = state?.needs.filter((name) => name.endsWith('.service')) ?? []
    return wasStarted(await showUnits(os, [target, ...own]))
  }

  async #start(target: string): Promise<void> {
    const { os } = this.#parts
    // Without --no-block a dispatcher that is part of the boot would wait for itself.
    const { code, stderr } = await os.run(['systemctl', 'start', '--no-block', target])
    if (code === 0) return
    const said = stderr.trim().slice(0, 500)
    throw dispatchFaults.systemctl(`${target} can not be started (${code}): ${said}`)
  }

  async #end(state: DispatchState, outcome: Outcome): Promise<number> {
    const { os, tell } = this.#parts
    if (outcome.is === 'done') {
      await this.#link.progress({ phase: 'finishing', percent: 100 })
      return await this.#deliver({ ...state, report: this.#report({ status: 'success' }) })
    }
    const units = await unitsOf(os, state.target).catch((): readonly string[] => [])
    // Stopping a target alone leaves its services running.
    await os.run(['systemctl', 'stop', state.target, ...units], { timeoutMs: STOP_LIMIT_MS })
    if (outcome.is === 'over') {
      tell('the appliance says that the job is over: everything is stopped')
      await powerOff(this.#parts)
      return 0
    }
    const { unit, reason } = outcome
    tell(reason)
    const report = this.#report({ status: 'failed', failed_step: unit, message: reason })
    return await this.#deliver({ ...state, report })
  }

  /** Something is wrong before or at the start of the work: said in a report. */
  async #fail(state: DispatchState, error: unknown): Promise<number> {
    this.#parts.signal.throwIfAborted()
    const words = error instanceof Fault ? error.message : `unexpected: ${sentence(error)}`
    const message = words.slice(0, LONGEST_MESSAGE)
    this.#parts.tell(message)
    const report = this.#report({ status: 'failed', failed_step: stepOf(error), message })
    return await this.#deliver({ ...state, report, exit_code: exitCodeOf(error) })
  }

  #report(ending: Readonly<Record<string, unknown>>) {
    return {
      ...ending,
      delivery_id: crypto.randomUUID(),
      started_at: this.#startedAt,
      finished_at: new Date(this.#parts.os.now()).toISOString(),
      dispatcher_version: version.version,
    }
  }

  /** The final word: kept before it is sent, so that it is the same one after a restart. */
  async #deliver(ending: DispatchState): Promise<number> {
    const { os, options, tell } = this.#parts
    const { report = {}, target, exit_code } = ending
    const whole = { ...(target ? { task_target: target } : {}), ...report }
    try {
      const state = { ...ending, phase: 'reporting', report: whole } as const
      await writeState(os, options.folder, state)
      // A dispatcher that starts again reads the job from here.
      if (!this.#kept) await this.#keepJob()
    } catch (error) {
      tell(sentence(error))
    }
    await this.#link.report(whole)
    await powerOff(this.#parts)
    return exit_code
  }

  async #keepJob(): Promise<void> {
    const { os, options } = this.#parts
    await writePrivateFile(at(os, `${options.folder}/job.json`), JSON.stringify(this.#job))
  }
}

const STOP_LIMIT_MS = 180_000

/** Where a link below /dev leads, in the words of the machine; the path itself when it leads nowhere. */
function realPath(root: string, path: string): string {
  try {
    const real = realpathSync(`${root}${path}`)
    return root === '' ? real : real.slice(realpathSync(root).length)
  } catch {
    return path
  }
}

function assertFits(layout: NonNullable<MachineRecipe['partition_layout']>, disk: Disk): void {
  try {
    planPartitions(layout, disk)
  } catch (error) {
    if (error instanceof Fault) throw diskFaults.diskTooSmall(error.message, { cause: error })
    throw error
  }
}
