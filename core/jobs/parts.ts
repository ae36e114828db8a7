// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Addresses } from '../addresses.ts'
import type { Clocks } from '../clock.ts'
import type { CoreConfig } from '../config.ts'
import type { Hooks } from '../hooks.ts'
import type { Logger } from '../log.ts'
import type { Machines } from '../machines/machines.ts'
import type { Sealer } from '../seal.ts'
import type { Db } from '../store/client.ts'
import type { JobBook } from './book.ts'
import type { Recipes } from './recipes.ts'
import type { Transcripts } from './transcripts.ts'

/** What the verbs of jobs are made of; built once by the appliance. */
export interface JobParts extends Clocks {
  readonly db: Db
  readonly hooks: Hooks
  readonly book: JobBook
  readonly recipes: Recipes
  readonly transcripts: Transcripts
  readonly machines: Machines
  readonly sealer: Sealer
  readonly addresses: Addresses
  readonly config: CoreConfig
  readonly log: Logger
  /** Folder of the task ISOs, 0700. */
  readonly taskIsoDir: string
  /** Of the appliance's own CA; travels on the task ISO. */
  readonly caPem: () => string
}
