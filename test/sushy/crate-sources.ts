// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Glob } from 'bun'

/** Kept between runs, as cargo keeps its registry: below the folder that npm makes. */
const CACHE = resolve(import.meta.dir, '../../node_modules/.cache/slipway-crates')

/** Where a crate's unpacked sources stand, or why they do not. */
export type CrateSources = { readonly folder: string } | { readonly missing: string }

/** Fetches the sources of one release of a Rust crate, unless they are there; builds nothing. */
export async function crateSources(name: string, version: string): Promise<CrateSources> {
  const home = join(CACHE, `${name}-${version}`)
  const unpacked = async () =>
    (await Array.fromAsync(new Glob(`registry/src/*/${name}-${version}/Cargo.toml`).scan(home)))[0]
  await mkdir(home, { recursive: true })
  const before = await unpacked()
  if (before) return { folder: join(home, before, '..') }
  if (!Bun.which('cargo')) return { missing: 'there is no cargo' }
  const project = join(home, 'project')
  await mkdir(join(project, 'src'), { recursive: true })
  try {
    await Bun.write(join(project, 'src/lib.rs'), '')
    const needed = `[dependencies]\n${name} = "=${version}"\n`
    const manifest = `[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2018"\n${needed}`
    await Bun.write(join(project, 'Cargo.toml'), manifest)
    const child = Bun.spawn(['cargo', 'fetch', '--quiet'], {
      cwd: project,
      env: { ...process.env, CARGO_HOME: home },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [code, errors] = await Promise.all([child.exited, child.stderr.text()])
    const after = await unpacked()
    if (code === 0 && after) return { folder: join(home, after, '..') }
    const last = errors.trimEnd().split('\n').at(-1) ?? ''
    return { missing: `${name} ${version} can not be had: cargo fetch ended with ${code}: ${last}` }
  } finally {
    await rm(project, { recursive: true, force: true })
  }
}
