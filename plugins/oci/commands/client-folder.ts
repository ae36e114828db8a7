// SPDX-License-Identifier: AGPL-3.0-or-later
import { homedir } from 'node:os'
import { join } from 'node:path'

type Env = Readonly<Record<string, string | undefined>>

/** Folder of what makes repeated transfers quicker; everything in it may be removed at any time. */
export const cacheFolder = (env: Env) =>
  join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'slipway', 'oci')
