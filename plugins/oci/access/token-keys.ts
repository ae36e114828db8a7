// SPDX-License-Identifier: AGPL-3.0-or-later
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readPrivateFile, writePrivateFile } from '../../../core/private-file.ts'
import { randomToken } from '../../../core/seal.ts'
import { DAY, HOUR } from '../../../core/units.ts'

/** A key signs this long; then another takes its place. */
const SIGNS_MS = 30 * DAY
/** After that it still judges what it signed: far longer than any token lives. */
const OVERLAP_MS = HOUR
/** `<kid>.pem`; the id tells when the key was made: Unix ms, a dash, a random part. */
const KEY_FILE = /^((\d{13,15})-[0-9a-f]{16})\.pem$/

export interface TokenKey {
  readonly kid: string
  /** Unix ms. */
  readonly madeAt: number
  readonly secret: KeyObject
  readonly open: KeyObject
}

/** Ed25519 keys in a folder of their own (0700, files 0600). Removing the files and starting again voids all tokens. */
export interface TokenKeys {
  /** To be called first. Throws `private-file.exposed` for a key that others may read. */
  open(): Promise<void>
  /** The one that signs now; after its time a new one is made first. */
  signing(): Promise<TokenKey>
  /** Undefined for a key that is not ours, or whose time is over. */
  find(kid: string): TokenKey | undefined
}

function keyOf(kid: string, madeAt: number, pem: string): TokenKey {
  const secret = createPrivateKey(pem)
  return { kid, madeAt, secret, open: createPublicKey(secret) }
}

async function make(folder: string, madeAt: number): Promise<TokenKey> {
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const kid = `${madeAt}-${randomToken(128).slice(0, 16)}`
  await writePrivateFile(join(folder, `${kid}.pem`), pem)
  return keyOf(kid, madeAt, pem)
}

async function readAll(folder: string): Promise<TokenKey[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const keys: TokenKey[] = []
  for (const name of await readdir(folder)) {
    const [, kid, madeAt] = KEY_FILE.exec(name) ?? []
    const pem = kid === undefined ? undefined : await readPrivateFile(join(folder, name))
    if (kid !== undefined && pem) keys.push(keyOf(kid, Number(madeAt), pem.toString('utf8')))
  }
  return keys.toSorted((a, b) => a.madeAt - b.madeAt)
}

export function createTokenKeys(folder: string, now: () => number): TokenKeys {
  let keys: readonly TokenKey[] = []
  let making: Promise<TokenKey> | undefined
  const isOver = ({ madeAt }: TokenKey) => now() >= madeAt + SIGNS_MS + OVERLAP_MS

  const rotate = async (): Promise<TokenKey> => {
    const made = await make(folder, now())
    const over = keys.filter(isOver)
    keys = [...keys.filter((key) => !isOver(key)), made]
    for (const { kid } of over) await rm(join(folder, `${kid}.pem`), { force: true })
    return made
  }

  return {
    async open() {
      keys = await readAll(folder)
    },
    async signing() {
      const newest = keys.at(-1)
      if (newest && now() < newest.madeAt + SIGNS_MS) return newest
      // Asked for by many at once, one key is made.
      making ??= rotate().finally(() => {
        making = undefined
      })
      return making
    },
    find: (kid) => keys.find((key) => key.kid === kid && !isOver(key)),
  }
}
