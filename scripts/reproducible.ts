// SPDX-License-Identifier: AGPL-3.0-or-later
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import { buildTargets } from './build-targets.ts'

/** Clones the commit into a new folder of another length, builds there, returns the file's SHA-256. */
async function buildElsewhere(root: string, target: string, folder: string): Promise<string> {
  await $`git clone --quiet --no-hardlinks ${root} ${folder}`
  // a copy, not a link: the bundler would follow a link back to one and the same path
  await cp(join(root, 'node_modules'), join(folder, 'node_modules'), {
    recursive: true,
    filter: (path) => !path.endsWith('/.cache'),
  })
  await $`${process.execPath} scripts/build.ts --target ${target}`.cwd(folder).quiet()
  const bytes = Bun.file(join(folder, buildTargets[target]?.outfile ?? '')).stream()
  const hash = new Bun.CryptoHasher('sha256')
  for await (const chunk of bytes) hash.update(chunk)
  return hash.digest('hex')
}

/** Builds the last commit in two folders; true when both files are the same bytes. */
export async function checkReproducible(root: string, target: string): Promise<boolean> {
  const scratch = await mkdtemp(join(tmpdir(), 'slipway-reproducible-'))
  try {
    const digests: string[] = []
    for (const folder of ['a', 'another-place/b']) {
      const digest = await buildElsewhere(root, target, join(scratch, folder))
      await rm(join(scratch, folder), { recursive: true, force: true })
      console.log(`${digest}  ${folder}/${buildTargets[target]?.outfile}`)
      digests.push(digest)
    }
    return digests[0] === digests[1]
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
