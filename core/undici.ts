// SPDX-License-Identifier: AGPL-3.0-or-later
import type client from 'undici/index.js'

export type Undici = typeof client

/**
 * The HTTP client, loaded at its first use: it takes 25 MB, which an appliance that waits for its
 * first job, and a command line that never talks to a BMC, do without.
 */
// Bun answers the bare name with an empty built-in; this is the real one.
export const undici = (): Undici => require('undici/index.js')
