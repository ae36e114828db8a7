// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { version } from '../../core/version.ts'
import { writeSampleBootIso } from '../iso/index.ts'
import { createMaintenanceStore } from './maintenance-store.ts'

test('an image that comes in during the start is kept, what an earlier process left is not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-store-'))
  try {
    const iso = join(folder, 'sample.iso')
    await writeSampleBootIso(iso)
    const bytes = new Uint8Array(await Bun.file(iso).arrayBuffer())
    await rm(iso)
    await writeFile(join(folder, 'incoming-of-yesterday'), 'half an image')
    const store = createMaintenanceStore(folder, Date.now, version)
    const body = async function* () {
      yield bytes.subarray(0, 4_096)
      // The listeners are open before the plugins have started.
      await store.open(async () => false)
      yield bytes.subarray(4_096)
    }
    const record = await store.import({ body: body(), source: 'upload' })
    expect(await store.current()).toEqual(record)
    const names = await readdir(folder)
    expect(names.filter((name) => name.startsWith('incoming-'))).toEqual([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
