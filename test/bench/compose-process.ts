// SPDX-License-Identifier: AGPL-3.0-or-later
/** Composes one image of two in a process of its own, so that its memory can be told. */
import { stat } from 'node:fs/promises'
import type { MediaImage } from '../../core/media.ts'
import { composeIso } from '../../plugins/iso/index.ts'

async function imageOf(path: string): Promise<MediaImage> {
  const { size } = await stat(path)
  const segments = [{ file: path, start: 0, length: size }]
  return { sizeBytes: size, etag: `"${size}"`, modifiedAt: 0, segments, regions: [] }
}

const [base = '', task = '', patchPath = ''] = process.argv.slice(2)
await composeIso({ base: await imageOf(base), task: await imageOf(task), patchPath })
