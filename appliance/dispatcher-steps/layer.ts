// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { assertInside } from './inside.ts'
import { type TarEntry, TarScanner } from './tar-scanner.ts'

/** Marks of a layer for what it takes away (OCI image specification, "Whiteouts"). */
const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'

/** Keeps `tar` from unpacking the marks themselves. */
export const WITHOUT_MARKS = '--exclude=.wh.*'

/**
 * Watches one layer on its way into `tar`: clears what would be in its way, refuses what would leave
 * the new root, and takes away at the end what the layer says is gone.
 */
export class Layer {
  readonly #root: string
  readonly #scanner = new TarScanner()
  readonly #paths = new Set<string>()
  readonly #gone: string[] = []
  readonly #opaque: string[] = []
  readonly #inside = new Set<string>()

  constructor(root: string) {
    this.#root = root
  }

  /** Called with each piece before `tar` gets it. */
  async passing(bytes: Uint8Array): Promise<void> {
    for (const entry of this.#scanner.feed(bytes)) await this.#entry(entry)
  }

  /** After `tar` has ended. */
  async settle(): Promise<void> {
    for (const folder of this.#opaque) await this.#clear(folder)
    for (const path of this.#gone) {
      await this.#assertInside(path)
      if (this.#has(path)) await this.#clear(path)
      else await rm(join(this.#root, path), { recursive: true, force: true })
    }
  }

  async #entry({ path, isDirectory }: TarEntry): Promise<void> {
    await this.#assertInside(path)
    const name = basename(path)
    const parent = dirname(path) === '.' ? '' : dirname(path)
    if (name === OPAQUE) this.#opaque.push(parent)
    else if (name.startsWith(WHITEOUT)) this.#gone.push(join(parent, name.slice(WHITEOUT.length)))
    else {
      this.#note(path)
      if (!isDirectory && path !== '') await this.#makeWay(path)
    }
  }

  /** `tar` does not put a file where a folder is. */
  async #makeWay(path: string): Promise<void> {
    const here = join(this.#root, path)
    const there = await lstat(here).catch(() => undefined)
    if (there?.isDirectory()) await rm(here, { recursive: true })
  }

  /** A link of an earlier layer must not lead a later one out of the new root. */
  async #assertInside(path: string): Promise<void> {
    const parent = dirname(path)
    if (!path.split('/').includes('..') && this.#inside.has(parent)) return
    await assertInside(this.#root, path === '' ? path : parent)
    this.#inside.add(parent)
  }

  /** With the folders on its way, which an archive need not name. */
  #note(path: string): void {
    for (let at = path; at !== '.' && !this.#paths.has(at); at = dirname(at)) this.#paths.add(at)
  }

  #has(path: string): boolean {
    return this.#paths.has(path)
  }

  /** Takes away what earlier layers put below this folder. */
  async #clear(folder: string): Promise<void> {
    const here = join(this.#root, folder)
    for (const entry of await readdir(here, { withFileTypes: true }).catch(() => [])) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (!this.#has(path)) await rm(join(here, entry.name), { recursive: true, force: true })
      else if (entry.isDirectory()) await this.#clear(path)
    }
  }
}
