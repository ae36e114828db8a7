// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { isoCommands } from './commands.ts'
import { writeTaskIso } from './task-iso.ts'

export { type BootEntry, type BootPlatform, VIRTUAL_SECTOR } from './boot-catalog.ts'
export {
  type ByteSource,
  bytesSource,
  type FileSource,
  imageSource,
  openFileSource,
} from './byte-source.ts'
export { type ComposeParts, composeIso } from './compose.ts'
export type { IsoEntry } from './iso-reader.ts'
export type { IsoBoot, IsoOptions } from './layout.ts'
export { type IsoImage, openIso } from './open-iso.ts'
export { isoRegions } from './regions.ts'
export { writeSampleBootIso } from './sample-boot-iso.ts'
export { SECTOR } from './sector.ts'
export { TASK_VOLUME_PREFIX } from './task-iso.ts'
export type { IsoContent } from './tree.ts'
export type { BootCatalog, Extent, Volume } from './volume.ts'
export { type WrittenIso, writeIso } from './write-iso.ts'

const NAME = 'iso'

/** Makes the task ISO of every job. */
export const iso = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  commands: isoCommands,
  setup({ hooks }) {
    hooks.prepare.tapPromise(NAME, async (run) => {
      await run.step('iso.build', async () => {
        run.media.set('task', await writeTaskIso(run.taskIsoPath, run))
      })
    })
  },
})
