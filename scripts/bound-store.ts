// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Glob } from 'bun'
import { run, say } from './maintenance-parts.ts'

/** Where bootc looks for images that belong to an OS image; ours does so by storage.conf. */
export const BOUND_STORE = '/usr/lib/bootc/storage'

/**
 * Copies an image (`from`, as skopeo names it) into a store of its own, which the maintenance OS reads in place.
 * `store` must lie on a plain disk: an overlay file system can not hold another one's layers.
 */
export async function bindImage(
  image: string,
  from: string,
  store: string,
  epoch: number,
): Promise<void> {
  say(`the additional image store with ${image}`)
  const runRoot = `${store}.run`
  const target = `containers-storage:[overlay@${store}+${runRoot}]${image}`
  try {
    await run(['skopeo', 'copy', '--quiet', from, target])
  } finally {
    // Mounted by the copy, and holding the folder.
    await run(['umount', join(store, 'overlay')]).catch(() => undefined)
    await rm(runRoot, { recursive: true, force: true })
  }
  await rm(join(store, 'overlay/.has-mount-program'), { force: true })
  await settleTimes(store, epoch)
  await settleLocks(store)
  await settleLinks(join(store, 'overlay'))
}

/** Layers and images carry the time of the copy: the same for the same inputs, instead. */
async function settleTimes(store: string, epoch: number): Promise<void> {
  const time = new Date(epoch * 1_000).toISOString().replace('.000', '')
  for (const file of ['overlay-layers/layers.json', 'overlay-images/images.json']) {
    const path = join(store, file)
    const entries = JSON.parse(await readFile(path, 'utf8')) as { created?: string }[]
    await writeFile(path, JSON.stringify(entries.map((entry) => ({ ...entry, created: time }))))
  }
}

/** Locks name who wrote last and when; empty ones say that nobody did, which is true on the medium. */
async function settleLocks(store: string): Promise<void> {
  for (const lock of new Glob('overlay-*/*.lock').scanSync({ cwd: store })) {
    await truncate(join(store, lock))
  }
}

/** Each layer has a second, random name of 26 letters to keep mount options short: ours follows from its first. */
async function settleLinks(overlay: string): Promise<void> {
  const layers = (await readdir(overlay)).filter((name) => existsSync(join(overlay, name, 'link')))
  const renamed = new Map<string, string>()
  for (const layer of layers) {
    const old = await readFile(join(overlay, layer, 'link'), 'utf8')
    const name = createHash('sha256').update(layer).digest('hex').slice(0, 26).toUpperCase()
    renamed.set(old, name)
    await writeFile(join(overlay, layer, 'link'), name)
    await rm(join(overlay, 'l', old))
    await symlink(`../${layer}/diff`, join(overlay, 'l', name))
  }
  for (const layer of layers) {
    const path = join(overlay, layer, 'lower')
    if (!existsSync(path)) continue
    const lower = await readFile(path, 'utf8')
    const settled = lower.replaceAll(/l\/(\w{26})/g, (_, old: string) => `l/${renamed.get(old)}`)
    await writeFile(`${path}.new`, settled)
    await rename(`${path}.new`, path)
  }
}
