// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { defineFaults } from './faults.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
/** 96 random bits: good for 2^32 boxes of one key (NIST SP 800-38D §8.3); we make a few a job. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Version, key id, then nonce, tag and sealed bytes together. */
const BOX = /^s1\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)$/

export const sealFaults = defineFaults('seal', {
  keyFile: { status: 500, retry: false },
  wrongKey: { status: 500, retry: false },
  broken: { status: 500, retry: false },
  /** The database waits for a key that is not there. */
  lost: { status: 500, retry: false },
})

/** Seals what must lie in the database but not be readable there. */
export interface Sealer {
  /** Tells keys apart and says nothing about them; every box carries it. */
  readonly keyId: string
  /** `context` names the place of the box, e.g. `machine/<id>/password`: it opens nowhere else. */
  seal(plain: string, context: string): string
  /** Throws `seal.wrong-key` for a box of another key file, `seal.broken` for a changed or moved one. */
  open(box: string, context: string): string
}

/** A sealer under `key`, 32 bytes. */
export function createSealer(key: Uint8Array, keyFile: string): Sealer {
  const keyId = createHmac('sha256', key).update('slipway key id').digest('hex').slice(0, 8)
  const prefix = `s1.${keyId}.`
  return {
    keyId,
    seal(plain, context) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(prefix + context))
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return prefix + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
    },
    open(box, context) {
      const [, boxKeyId, body] = BOX.exec(box) ?? []
      if (boxKeyId === undefined || body === undefined) {
        throw sealFaults.broken(`the sealed ${context} is no box of ours: enter the secret again`)
      }
      if (boxKeyId !== keyId) {
        throw sealFaults.wrongKey(
          `the sealed ${context} belongs to key ${boxKeyId}, but ${keyFile} holds key ${keyId}: put back the key file that belongs to this database`,
        )
      }
      return unseal(key, Buffer.from(body, 'base64url'), prefix + context)
    },
  }
}

function unseal(key: Uint8Array, bytes: Buffer, bound: string): string {
  const nonce = bytes.subarray(0, NONCE_BYTES)
  const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)
  try {
    const cipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(Buffer.from(bound)).setAuthTag(tag)
    const sealed = bytes.subarray(NONCE_BYTES + TAG_BYTES)
    return Buffer.concat([cipher.update(sealed), cipher.final()]).toString('utf8')
  } catch (cause) {
    throw sealFaults.broken(
      `${bound} was changed, cut or moved from another row of the database: enter the secret again`,
      { cause },
    )
  }
}

/** The sealer of a key file, which is made at first use. Throws when others may read it, or it is no key. */
export async function openSealer(keyFile: string): Promise<Sealer> {
  const kept = await readPrivateFile(keyFile)
  if (kept && kept.length !== KEY_BYTES) {
    throw sealFaults.keyFile(
      `${keyFile} holds ${kept.length} bytes where a key has ${KEY_BYTES}: put back the key file that belongs to this database`,
    )
  }
  if (kept) return createSealer(kept, keyFile)
  const made = randomBytes(KEY_BYTES)
  await writePrivateFile(keyFile, made)
  return createSealer(made, keyFile)
}

/** A fresh secret of `bits` random bits in hex: safe in URLs, headers, shells and every BMC's parser. */
export function randomToken(bits: 128 | 256): string {
  return randomBytes(bits / 8).toString('hex')
}

/** SHA-256 in hex: how tokens are kept and compared. */
export function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** Are two results of `digest()` equal? Takes the same time wherever they differ. */
export function sameDigest(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** Are two secrets equal? Tells neither their length nor where they differ by its time. */
export function sameSecret(a: string, b: string): boolean {
  return sameDigest(digest(a), digest(b))
}
