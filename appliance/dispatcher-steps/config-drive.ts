// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { at } from '../dispatcher/machine-os.ts'
import { cidataOf, isDiskImage, withImageRoot } from './disk-image.ts'
import { assertInside } from './inside.ts'
import { withNewRoot } from './mounts.ts'
import { planOf } from './partition.ts'
import { must, type Step, type StepContext } from './step.ts'

/** Where cloud-init's NoCloud source looks without a drive. */
const SEED = '/var/lib/cloud/seed/nocloud'

/**
 * What cloud-init reads on the first start: on the layout's partition with the label CIDATA, else in
 * the seed folder of the installed system. Both are found without further hints.
 */
export const configDrive: Step = {
  async plan(context) {
    const files = await seedFiles(context)
    const where = cidata(context)?.path ?? SEED
    return [...files.keys()].map((name) => `write ${name} to ${where}`)
  },
  async apply(context) {
    const files = await seedFiles(context)
    const ofImage = await isDiskImage(context)
    const drive = ofImage ? await cidataOf(context) : cidata(context)?.path
    if (drive) await writeDrive(context, drive, files)
    else if (ofImage) await withImageRoot(context, (root) => writeSeed(context, root, files))
    else await withNewRoot(context, (root) => writeSeed(context, root, files))
  },
}

/** cloud-init takes the label in upper and lower case. */
const cidata = (context: StepContext) =>
  planOf(context).partitions.find(
    ({ layout }) => layout.format === 'vfat' && layout.label?.toUpperCase() === 'CIDATA',
  )

/** A host name that RFC 1123 allows, from a serial; undefined when nothing of it remains. */
export function hostNameOf(serial: string): string | undefined {
  const plain = serial.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-')
  return plain.slice(0, 63).replaceAll(/^-+|-+$/g, '') || undefined
}

/** `http://<host of the appliance>:<port>/booted/<token>`. cloud-init knows no CA of ours. */
export function bootedUrl({ base_urls, booted }: StepContext['job']): string | undefined {
  const base = URL.parse(base_urls[0] ?? '')
  if (!booted || !base) return undefined
  return `http://${base.hostname}:${booted.port}${booted.path}`
}

/** The files of the NoCloud source. `instance-id` is the job: another job is another first start. */
async function seedFiles(context: StepContext): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const { os, folder, job } = context
  const given = async (name: string) => {
    const path = join(at(os, folder), name)
    return existsSync(path) ? await readFile(path) : undefined
  }
  const files = new Map<string, string | Uint8Array>()
  // Without it the source is passed over, even where there is nothing to say.
  files.set('user-data', (await given('user-data')) ?? '#cloud-config\n{}\n')
  const network = await given('network-config')
  if (network) files.set('network-config', network)
  const name = hostNameOf(job.serials[0] ?? '')
  const hostname = name === undefined ? '' : `local-hostname: ${name}\n`
  files.set('meta-data', `instance-id: ${job.job_id}\n${hostname}`)
  const url = bootedUrl(job)
  if (url !== undefined) {
    const phoneHome = { phone_home: { url, post: ['instance_id'], tries: 10 } }
    files.set('vendor-data', `#cloud-config\n${JSON.stringify(phoneHome)}\n`)
  }
  return files
}

/** Without a mount: mtools write a FAT as it lies on the disk. */
async function writeDrive(
  context: StepContext,
  path: string,
  files: ReadonlyMap<string, string | Uint8Array>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-seed-'))
  try {
    for (const [name, content] of files) await writeFile(join(folder, name), content)
    const paths = [...files.keys()].map((name) => join(folder, name))
    // -o: a step that runs again replaces what it wrote.
    await must(context, ['mcopy', '-o', '-i', at(context.os, path), ...paths, '::/'])
    await must(context, ['sync'])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeSeed(
  context: StepContext,
  root: string,
  files: ReadonlyMap<string, string | Uint8Array>,
): Promise<void> {
  await assertInside(root, SEED)
  const seed = join(root, SEED)
  await mkdir(seed, { recursive: true, mode: 0o755 })
  for (const [name, content] of files) {
    context.log(`writing ${join(SEED, name)}`)
    // User data hold passwords.
    await writeFile(join(seed, name), content, { mode: 0o600 })
  }
}
