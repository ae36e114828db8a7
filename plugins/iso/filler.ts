// SPDX-License-Identifier: AGPL-3.0-or-later
import { createCipheriv } from 'node:crypto'
import { MiB } from '../../core/units.ts'

/** Bytes that look random, do not compress and are the same for the same label, without end in sight of memory. */
export function* filler(label: string, sizeBytes: number): Generator<Uint8Array> {
  const key = new Bun.CryptoHasher('sha256').update(label).digest().subarray(0, 16)
  const stream = createCipheriv('aes-128-ctr', key, new Uint8Array(16))
  const zeros = new Uint8Array(MiB)
  for (let at = 0; at < sizeBytes; at += MiB)
    yield stream.update(zeros.subarray(0, Math.min(MiB, sizeBytes - at)))
}
