// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { thisMachine } from '../dispatcher/machine-os.ts'
import type { StepContext } from './step.ts'
import { openContext } from './step.ts'

/** A real block device in a test, upon a sparse file. */
export interface LoopDisk extends AsyncDisposable {
  readonly path: string
  readonly file: string
}

/** Runs a program of the host; throws with its words when it fails. */
export async function host(...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await thisMachine().run(command)
  if (code !== 0) throw new Error(`${command.join(' ')}: ${code} ${stderr}`)
  return stdout.trim()
}

/** Needs root and a kernel with loop devices, as CI has them. */
export async function loopDisk(sizeBytes: number, sectorBytes = 512): Promise<LoopDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-loop-'))
  const file = join(folder, 'disk')
  await writeFile(file, '')
  await truncate(file, sizeBytes)
  const path = await host('losetup', '--find', '--show', `--sector-size=${sectorBytes}`, file)
  return {
    path,
    file,
    async [Symbol.asyncDispose]() {
      await thisMachine().run(['partx', '--delete', path])
      await host('losetup', '--detach', path)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface TestStep extends AsyncDisposable {
  readonly context: StepContext
  readonly folder: string
  readonly lines: string[]
  /** What was told the dispatcher. */
  news(): Promise<readonly Readonly<Record<string, unknown>>[]>
}

/** What the dispatcher would have written for a step. */
export async function testStep(
  disk: { readonly path: string; readonly sizeBytes: number; readonly sectorBytes?: number },
  recipe: object,
  job: object = {},
  files: Readonly<Record<string, string>> = {},
): Promise<TestStep> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-provision-'))
  const put = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value))
  await mkdir(folder, { recursive: true })
  await put('recipe.json', { task_target: 'install-linux.target', ...recipe })
  await put('job.json', { ...JOB, ...job })
  await put('disk.json', { sectorBytes: 512, serial: '', ...disk })
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  // Several tests at once, each with a system of its own.
  const newRoot = `${folder}-new-root`
  const context = await openContext(thisMachine(), folder, 'test.service', write, newRoot)
  return {
    context,
    folder,
    lines,
    async news() {
      const text = await readFile(join(folder, 'progress.jsonl'), 'utf8').catch(() => '')
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    },
    async [Symbol.asyncDispose]() {
      for (const each of [folder, newRoot]) await rm(each, { recursive: true, force: true })
    },
  }
}

const JOB = {
  schema: 'slipway.job/1',
  job_id: 'b1946ac9-2d1f-4f3a-8f66-0f2a4a1d7c11',
  serials: ['SRV-0001'],
  base_urls: ['https://10.0.0.2:8443'],
  claim_url: '/api/v1/claim/x',
  report_url: '/api/v1/status-webhook/x',
  log_url: '/api/v1/jobs/x/log',
  token: 'token',
}
