// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Heard, type ScriptedBmc, scriptBmc } from '../fake-bmc/scripted.ts'
import type { Chance } from './chance.ts'
import { honestBmc } from './honest-bmc.ts'
import { type Vice, vices } from './vices.ts'

/** When a vice shows. Some wait until the controller is trusted. */
const WHEN: Readonly<Record<string, (chance: Chance) => (heard: Heard, count: number) => boolean>> =
  {
    always: () => () => true,
    'for one path': (chance) => {
      const path = chance.pick([
        '/Systems',
        '/Managers',
        '/VirtualMedia',
        '/S',
        '/A',
        '/B',
        '/M',
        '/v1',
        '/Sessions',
      ])
      return (heard) => heard.path.replace(/\/$/, '').endsWith(path)
    },
    'for orders': () => (heard) => heard.method !== 'GET',
    'for reads': () => (heard) => heard.method === 'GET',
    'once in a while': (chance) => () => chance.once(4),
    later: (chance) => {
      const from = chance.int(40)
      return (_, count) => count >= from
    },
    'for a while': (chance) => {
      const until = chance.int(12)
      return (_, count) => count < until
    },
  }

/** A controller with a vice, and what it is called. */
export interface HostileBmc extends AsyncDisposable {
  readonly bmc: ScriptedBmc
  readonly name: string
}

/** Made from the dice: which vice, and when it shows. */
export async function hostileBmc(chance: Chance): Promise<HostileBmc> {
  const honest = honestBmc()
  const [kind, vice] = chance.pick(Object.entries<Vice>(vices))
  const [moment, when] = chance.pick(Object.entries(WHEN))
  const shows = when(chance)
  let count = 0
  const bmc = await scriptBmc((heard) => {
    const answer = honest(heard)
    return shows(heard, count++) ? vice(answer, heard, chance) : answer
  })
  return {
    bmc,
    name: `${kind}, ${moment}`,
    [Symbol.asyncDispose]: () => bmc[Symbol.asyncDispose](),
  }
}
