// SPDX-License-Identifier: AGPL-3.0-or-later
import { appendFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import { SECOND } from '../../core/units.ts'
import { JobDocument } from '../../schemas/job-document.ts'
import { at, type MachineOs, type Ran, type RunOptions } from '../dispatcher/machine-os.ts'
import { MachineRecipe } from '../dispatcher/recipe.ts'
import { NEWS_FILE, type StepNews } from '../dispatcher/step-news.ts'
import { stepFaults } from './faults.ts'

/** The disk as the dispatcher chose it. */
const ChosenDisk = v.object({
  path: v.string(),
  sizeBytes: v.number(),
  sectorBytes: v.number(),
  serial: v.string(),
})
export type ChosenDisk = v.InferOutput<typeof ChosenDisk>

/** What a step is given, and how it speaks. */
export interface StepContext {
  readonly os: MachineOs
  /** `/run/provision`. */
  readonly folder: string
  readonly recipe: MachineRecipe
  readonly job: JobDocument
  readonly disk: ChosenDisk
  /** Where the new system is put together: `/mnt/new-root`. */
  readonly newRoot: string
  /** A line of the job's log. */
  readonly log: (line: string) => void
  /** How far it is; the newest counts. */
  readonly news: (news: Omit<StepNews, 'step'>) => void
}

/** What a step would do, line by line, and doing it. */
export interface Step {
  /** Only reads. */
  plan(context: StepContext): Promise<readonly string[]>
  apply(context: StepContext): Promise<void>
}

async function readDocument(os: MachineOs, folder: string, name: string): Promise<unknown> {
  const path = join(at(os, folder), name)
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw stepFaults.input(`${path} can not be read; the dispatcher writes it before a step runs`, {
      cause,
    })
  }
}

function parsed<S extends v.GenericSchema>(schema: S, document: unknown, name: string) {
  const result = v.safeParse(schema, document)
  if (result.success) return result.output as v.InferOutput<S>
  const [issue] = result.issues
  throw stepFaults.input(`${name} is not as the dispatcher writes it: ${v.getDotPath(issue)}`)
}

/** Contract 1.6. */
const NEW_ROOT = '/mnt/new-root'

/** Reads what the dispatcher wrote. Throws `step.input`. */
export async function openContext(
  os: MachineOs,
  folder: string,
  unit: string,
  write: (line: string) => void,
  newRoot: string = NEW_ROOT,
): Promise<StepContext> {
  const [recipe, job, disk] = await Promise.all(
    ['recipe.json', 'job.json', 'disk.json'].map((name) => readDocument(os, folder, name)),
  )
  return {
    os,
    folder,
    recipe: parsed(MachineRecipe, recipe, 'recipe.json'),
    job: parsed(JobDocument, job, 'job.json'),
    disk: parsed(ChosenDisk, disk, 'disk.json'),
    newRoot,
    log: write,
    news: (news) => tellNews(os, folder, { step: unit, ...news }),
  }
}

/** One line at once, so that two writers never mix theirs. */
export function tellNews(os: MachineOs, folder: string, news: StepNews): void {
  appendFileSync(join(at(os, folder), NEWS_FILE), `${JSON.stringify(news)}\n`, { mode: 0o600 })
}

/** Lines of a command's output that are logged. */
const MOST_LINES = 40

const linesOf = (text: string) => text.split('\n').filter((line) => line.trim() !== '')

/** Runs a command and logs it with its time and output. Ends of any status. */
export async function attempt(
  { os, log }: Pick<StepContext, 'os' | 'log'>,
  command: readonly string[],
  options?: RunOptions,
): Promise<Ran> {
  log(`+ ${command.join(' ')}`)
  const started = performance.now()
  const ran = await os.run(command, options)
  const seconds = ((performance.now() - started) / SECOND).toFixed(2)
  for (const line of linesOf(`${ran.stdout}\n${ran.stderr}`).slice(-MOST_LINES)) log(`  ${line}`)
  log(`  ${ran.code === 0 ? 'done' : `ended with ${ran.code}`} in ${seconds} s`)
  return ran
}

/** The second is all that `tar` says when the last write came out short. */
const FULL = /No space left on device|Wrote only \d+ of \d+ bytes/i

/** As `attempt`, but whatever is no success throws `step.command` or `step.disk-full` with the last words. */
export async function must(
  context: Pick<StepContext, 'os' | 'log'>,
  command: readonly string[],
  options?: RunOptions,
): Promise<string> {
  const { code, stdout, stderr } = await attempt(context, command, options)
  if (code === 0) return stdout
  throw commandFault(command, code, stderr || stdout)
}

/** The fault of a command that failed. */
export function commandFault(command: readonly string[], code: number, output: string) {
  const words = linesOf(output).slice(-3).join(' / ').slice(0, 600)
  const line = command.join(' ')
  if (FULL.test(output)) {
    return stepFaults.diskFull(`${line}: the file system is full; make its partition larger`)
  }
  if (code === 127) {
    return stepFaults.command(`${command[0]} is missing from the maintenance image`)
  }
  return stepFaults.command(`\`${line}\` ended with ${code}: ${words || 'it said nothing'}`)
}

/** Runs one step to its end. Returns the exit code of the process; never throws. */
export async function runStep(
  step: Step,
  parts: {
    readonly os: MachineOs
    readonly folder: string
    readonly unit: string
    readonly planOnly: boolean
    readonly write: (line: string) => void
    /** Another place for the new system. */
    readonly newRoot?: string
  },
): Promise<number> {
  const { os, folder, unit, planOnly, write, newRoot } = parts
  try {
    const context = await openContext(os, folder, unit, write, newRoot)
    if (planOnly) {
      for (const line of await step.plan(context)) write(line)
      return 0
    }
    await step.apply(context)
    context.news({ percent: 100 })
    return 0
  } catch (error) {
    const failed = sentence(error)
    write(failed)
    if (!planOnly) tellFailure(os, folder, unit, failed, write)
    return 1
  }
}

function tellFailure(
  os: MachineOs,
  folder: string,
  step: string,
  failed: string,
  write: (line: string) => void,
): void {
  try {
    tellNews(os, folder, { step, failed: failed.slice(0, 1_500) })
  } catch (error) {
    // The journal has the sentence already.
    write(`${folder} can not be written: ${sentence(error)}`)
  }
}
