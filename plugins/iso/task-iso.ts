// SPDX-License-Identifier: AGPL-3.0-or-later
import { canonicalJson } from '../../core/canonical-json.ts'
import type { JobRun } from '../../core/jobs/run.ts'
import type { MediaImage } from '../../core/media.ts'
import { MiB } from '../../core/units.ts'
import { openFileSource } from './byte-source.ts'
import { isoFaults } from './faults.ts'
import { utf8 } from './fields.ts'
import { type IsoOptions, planIso } from './layout.ts'
import { isoRegions } from './regions.ts'
import { FIXED_TIME } from './time.ts'
import { byText } from './tree.ts'
import { writePlanned } from './write-iso.ts'

/** Contract: a task ISO is small enough for every BMC's buffer. */
const LARGEST_TASK_ISO = 10 * MiB

/** By this a consumer knows the medium among others. */
export const TASK_VOLUME_PREFIX = 'TASK_'

/** What a task ISO is made of. */
export type TaskInputs = Pick<JobRun, 'recipe' | 'recipeSchema' | 'jobDocument' | 'workflow'>

function contents({ recipe, recipeSchema, jobDocument, workflow }: TaskInputs) {
  const files = new Map<string, Uint8Array>([
    ['/recipe.json', utf8(canonicalJson(recipe))],
    ['/recipe.schema.json', utf8(canonicalJson(recipeSchema))],
    ['/job.json', utf8(canonicalJson(jobDocument))],
  ])
  for (const [path, bytes] of workflow.files(recipe)) {
    const absolute = path.startsWith('/') ? path : `/${path}`
    if (files.has(absolute))
      throw isoFaults.invalid(
        `${absolute} of the task ISO is ours; ${workflow.target} must rename its`,
      )
    files.set(absolute, bytes)
  }
  return files
}

/** `TASK_` and 11 hex digits of the digest of names and bytes: 16 characters, as many as Joliet shows. */
function volumeId(files: ReadonlyMap<string, Uint8Array>): string {
  const hash = new Bun.CryptoHasher('sha256')
  for (const [path, bytes] of [...files].sort(([a], [b]) => byText(a, b))) {
    // Lengths first, so that no two inputs flow into one another.
    hash
      .update(`${utf8(path).length} ${bytes.length} `)
      .update(path)
      .update(bytes)
  }
  return TASK_VOLUME_PREFIX + hash.digest('hex').slice(0, 11).toUpperCase()
}

/** Volume id and files of a job's task ISO; the same inputs give the same. Pure. */
export function taskIsoOptions(inputs: TaskInputs): IsoOptions {
  const files = contents(inputs)
  return { volumeId: volumeId(files), tree: files }
}

/** Writes a job's task ISO (0600: it carries secrets). Repeating it gives the same bytes and the same etag. */
export async function writeTaskIso(path: string, inputs: TaskInputs): Promise<MediaImage> {
  const layout = await planIso(taskIsoOptions(inputs))
  if (layout.sizeBytes > LARGEST_TASK_ISO)
    throw isoFaults.tooLarge(
      `the task ISO would have ${layout.sizeBytes} bytes, and ${LARGEST_TASK_ISO} are allowed; ` +
        'shorten user_data, unattend_xml or ks.cfg of the recipe, or let the installed system fetch the rest',
    )
  const { sizeBytes, sha256 } = await writePlanned(path, layout, {
    mode: 0o600,
    // A fixed name: what a crash leaves holds secrets, and must be found again.
    temporary: `${path}.part`,
  })
  await using source = await openFileSource(path)
  return {
    sizeBytes,
    etag: `"sha256-${sha256}"`,
    modifiedAt: FIXED_TIME,
    segments: [{ file: path, start: 0, length: sizeBytes }],
    regions: await isoRegions(source),
  }
}
