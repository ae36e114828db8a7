// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Body } from './transport.ts'

/** Bytes in memory as a body. */
export const bodyOf = (bytes: Uint8Array): Body => ({
  sizeBytes: bytes.byteLength,
  async *open() {
    yield bytes
  },
})
