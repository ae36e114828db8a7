// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createChance } from './chance.ts'
import { type Endings, fireControllers, VOLLEY_LIMIT_MS } from './hostile-volley.ts'

const VOLLEYS = 20
const VOLLEY = 50

test(
  '1,000 hostile controllers end their jobs in success or in a fault with a name',
  async () => {
    const chance = createChance(3_145_926)
    const endings: Endings = { findings: [], codes: new Map() }
    for (let each = 0; each < VOLLEYS; each++) await fireControllers(VOLLEY, chance, endings)
    expect(endings.findings).toEqual([])
    // They were hostile in many ways.
    expect(endings.codes.size).toBeGreaterThan(8)
  },
  VOLLEYS * VOLLEY_LIMIT_MS,
)
