// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync } from 'node:fs'
import { sentence } from '../../core/faults.ts'
import { simulatorFaults } from './faults.ts'
import { personalityOf } from './inferred.ts'
import type { Personality } from './personality.ts'
import { isResource } from './wire.ts'

/** A path rather than a name: `./capture.json`, `/tmp/x`. */
export const isCaptureFile = (name: string): boolean => /[/\\]|\.json$/.test(name)

const HOW = 'make one with slipway machine capture'

/** What `slipway machine capture` wrote, as a personality. Throws `simulator.capture`. */
export function readCapture(path: string, known: readonly Personality[]): Personality {
  let document: unknown
  try {
    // Once for each machine, before anything listens.
    document = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw simulatorFaults.capture(
      `${path} can not be read as a capture: ${sentence(cause)}; ${HOW}`,
      {
        cause,
      },
    )
  }
  const personality = isResource(document) ? personalityOf(document, known) : undefined
  if (personality) return personality
  throw simulatorFaults.capture(`${path} holds no service root and no system; ${HOW}`)
}
