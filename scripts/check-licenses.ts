// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every package of the lock file must carry a licence that may be part of an AGPL-3.0-or-later work. */
import { resolve } from 'node:path'

/** SPDX identifiers that the FSF or the licence itself names as compatible with (A)GPL version 3. */
const COMPATIBLE = new Set([
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BSL-1.0'],
  ...['CC0-1.0', 'ISC', 'MIT', 'MIT-0', 'MPL-2.0', 'Python-2.0', 'Unlicense', 'WTFPL', 'Zlib'],
  ...['LGPL-2.1-only', 'LGPL-2.1-or-later', 'LGPL-3.0-only', 'LGPL-3.0-or-later'],
  ...['GPL-2.0-or-later', 'GPL-3.0-only', 'GPL-3.0-or-later'],
  ...['AGPL-3.0-only', 'AGPL-3.0-or-later'],
])

/** Judges an SPDX expression: one side of an OR is enough, AND needs both. Nothing unknown passes. */
export function isCompatible(expression: string): boolean {
  const tokens = expression.match(/\(|\)|[^\s()]+/g) ?? []
  const either = (): boolean => {
    let ok = both()
    while (tokens[0] === 'OR') {
      tokens.shift()
      ok = both() || ok
    }
    return ok
  }
  const both = (): boolean => {
    let ok = one()
    while (tokens[0] === 'AND') {
      tokens.shift()
      ok = one() && ok
    }
    return ok
  }
  const one = (): boolean => {
    const token = tokens.shift() ?? ''
    if (token !== '(') return COMPATIBLE.has(token)
    const ok = either()
    return tokens.shift() === ')' && ok
  }
  return either() && tokens.length === 0
}

interface LockedPackage {
  readonly version?: string
  readonly license?: string
  readonly dev?: boolean
}

async function main(): Promise<number> {
  const lock = (await Bun.file(resolve(import.meta.dir, '../package-lock.json')).json()) as {
    packages: Readonly<Record<string, LockedPackage>>
  }
  const locked = Object.entries(lock.packages).filter(([path]) => path !== '')
  const refused = locked.filter(([, entry]) => !isCompatible(entry.license ?? ''))
  for (const [path, { version, license, dev }] of refused) {
    const name = path.replace(/^.*node_modules\//, '')
    const use = dev ? 'development' : 'production'
    console.error(
      `${name} ${version} (${use}): ${license ?? 'no licence named'} is not known as fit`,
    )
  }
  const shipped = locked.filter(([, entry]) => !entry.dev)
  console.log(`licences of ${shipped.length} packages in production, ${locked.length} in all`)
  return refused.length === 0 ? 0 : 1
}

if (import.meta.main) process.exit(await main())
