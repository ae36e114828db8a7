// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'

/** Core's migrations; inside the executable they are embedded at the same place. */
export const MIGRATIONS = join(import.meta.dir, 'migrations')
