// SPDX-License-Identifier: AGPL-3.0-or-later
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import { buildTargets } from './build-targets.ts'

/** Something that a checkout can build. */
export interface Product {
  /** Of the checkout. */
  readonly outfile: string
  /** Builds it there; `folder` is also free for files beside the checkout's. */
  build(folder: string): Promise<unknown>
}

export const executableOf = (target: string): Product => ({
  outfile: buildTargets[target]?.outfile ?? '',
  build: (folder) => $`${process.execPath} scripts/build.ts --target ${target}`.cwd(folder).quiet(),
})

/** Unpacks the commit into a new folder, builds there, returns the file's SHA-256. */
async function buildElsewhere(
  root: string,
  product: Product,
  bundle: string,
  folder: string,
): Promise<string> {
  await $`git -c advice.detachedHead=false clone --quiet ${bundle} ${folder}`
  // a copy, not a link: the bundler would follow a link back to one and the same path
  await cp(join(root, 'node_modules'), join(folder, 'node_modules'), {
    recursive: true,
    filter: (path) => !path.endsWith('/.cache'),
  })
  await product.build(folder)
  const bytes = Bun.file(join(folder, product.outfile)).stream()
  const hash = new Bun.CryptoHasher('sha256')
  for await (const chunk of bytes) hash.update(chunk)
  return hash.digest('hex')
}

/** Builds the last commit in two folders; true when both files are the same bytes. */
export async function checkReproducible(root: string, product: Product): Promise<boolean> {
  const scratch = await mkdtemp(join(tmpdir(), 'slipway-reproducible-'))
  try {
    // a bundle, because git clones no checkout of another user
    const bundle = join(scratch, 'commit.bundle')
    await $`git -c safe.directory=${root} bundle create --quiet ${bundle} HEAD`.cwd(root)
    const digests: string[] = []
    for (const folder of ['a', 'another-place/b']) {
      const digest = await buildElsewhere(root, product, bundle, join(scratch, folder))
      await rm(join(scratch, folder), { recursive: true, force: true })
      console.log(`${digest}  ${folder}/${product.outfile}`)
      digests.push(digest)
    }
    return digests[0] === digests[1]
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
