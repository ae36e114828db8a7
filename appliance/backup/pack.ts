// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Header } from 'tar'

const BLOCK_BYTES = 512

/** Files of `folder` as a tar archive (ustar), in constant memory. Their content must not change meanwhile. */
export async function* pack(folder: string, paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    const file = join(folder, path)
    const { size, mtime } = await stat(file)
    const header = new Header({ path, size, mtime, mode: 0o600, type: 'File' })
    header.encode()
    if (!header.block) throw new Error(`no tar header for ${path}`)
    yield header.block
    for await (const chunk of Bun.file(file).stream()) yield chunk
    yield new Uint8Array((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES)
  }
  yield new Uint8Array(2 * BLOCK_BYTES)
}
