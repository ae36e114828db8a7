// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sentence } from '../../core/faults.ts'
import { version } from '../../core/version.ts'
import type { JobDocument } from '../../schemas/job-document.ts'
import type { Disk } from './disks.ts'
import { dispatchFaults } from './faults.ts'
import { at, type MachineOs } from './machine-os.ts'
import type { MachineRecipe } from './recipe.ts'

/** What the tools of a target find in `/run/provision`. */
export interface Environment {
  readonly job: JobDocument
  readonly recipe: MachineRecipe
  readonly schemaId: string
  readonly target: string
  readonly serial: string
  readonly disk: Disk | undefined
  /** The address of the appliance that answered the claim. */
  readonly baseUrl: string
  /** RFC 3339. */
  readonly startedAt: string
  /** Files of the task medium, handed on as they are. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

interface EnvironmentFile {
  readonly content: string | Uint8Array
  readonly mode: number
}

/** The shell, systemd and podman read these alike without quotes. */
const PLAIN = /^[A-Za-z0-9_.,:;/@%+=-]*$/

/** systemd and the shell undo the same four escapes within double quotes. */
const quoted = (value: string) =>
  PLAIN.test(value) ? value : `"${value.replaceAll(/[\\"$`]/g, '\\$&')}"`

/** `recipe.env`: sorted `KEY=value`. A recipe's own variables never take the place of ours. */
export function recipeEnv(environment: Environment): string {
  const { job, recipe, schemaId, target, serial, disk, baseUrl, startedAt } = environment
  const own = Object.entries(recipe.env ?? {}).map(([name, value]) => [name.toUpperCase(), value])
  const variables: Readonly<Record<string, string>> = {
    ...Object.fromEntries(own),
    TASK_TARGET: target,
    TARGET_DISK: disk?.path ?? '',
    SERIAL_NUMBER: serial,
    WORKFLOW_STARTED_AT: startedAt,
    DISPATCHER_VERSION: version.version,
    SCHEMA_VERSION: recipe.schema_version,
    SCHEMA_ID: schemaId,
    OCI_URL: recipe.oci_url ?? '',
    FIRMWARE_URL: recipe.firmware_url ?? '',
    WIM_INDEX: recipe.wim_index === undefined ? '' : String(recipe.wim_index),
    WEBHOOK_URL: `${baseUrl}${job.report_url}`,
    WEBHOOK_SECRET: job.token,
  }
  return Object.entries(variables)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${quoted(value)}\n`)
    .join('')
}

/** Kept by the dispatcher and the steps while they run. */
const OURS = new Set(['dispatcher.json', 'progress.jsonl', 'journal.cursor'])

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** The steps, and a dispatcher that starts again, stay with the address that answered the claim. */
function answered(job: JobDocument, baseUrl: string): JobDocument {
  const plain = (url: string) => url.replace(/\/+$/, '')
  const others = job.base_urls.filter((url) => plain(url) !== baseUrl)
  const { registry } = job
  const ours = registry && job.base_urls.some((url) => plain(url) === plain(registry.base_url))
  return {
    ...job,
    base_urls: [baseUrl, ...others],
    ...(registry && ours ? { registry: { ...registry, base_url: baseUrl } } : {}),
  }
}

/** Everything that is written, by name. Ours are last, so that no file of a medium replaces them. */
export function environmentFiles(environment: Environment): ReadonlyMap<string, EnvironmentFile> {
  const { job, recipe, disk, baseUrl, files } = environment
  const secret = (content: string | Uint8Array) => ({ content, mode: 0o600 })
  const open = (content: string) => ({ content, mode: 0o644 })
  return new Map<string, EnvironmentFile>([
    ...[...files]
      .filter(([name]) => !OURS.has(name))
      .map(([name, content]) => [name, secret(content)] as const),
    ['recipe.json', secret(json(recipe))],
    ['job.json', secret(json(answered(job, baseUrl)))],
    ['layout.json', open(json(recipe.partition_layout ?? []))],
    ...(disk ? [['disk.json', open(json(disk))] as const] : []),
    ['build-info.txt', open(`slipway ${version.version} ${version.commit}\n`)],
    // The contract's mode. It holds the token: the folder keeps others out.
    ['recipe.env', open(recipeEnv(environment))],
  ])
}

/** Writes the folder, each file whole under its name or not at all. Throws `dispatch.output`. */
export async function writeEnvironment(
  os: MachineOs,
  folder: string,
  environment: Environment,
): Promise<void> {
  const here = at(os, folder)
  try {
    await mkdir(here, { recursive: true })
    await chmod(here, 0o700)
    for (const [name, { content, mode }] of environmentFiles(environment)) {
      const temporary = join(here, `.${name}.new`)
      await rm(temporary, { force: true })
      await writeFile(temporary, content, { mode })
      await chmod(temporary, mode)
      await rename(temporary, join(here, name))
    }
  } catch (cause) {
    throw dispatchFaults.output(`${folder} can not be written: ${sentence(cause)}`, { cause })
  }
}
