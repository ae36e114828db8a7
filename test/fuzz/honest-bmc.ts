// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Heard, Reply } from '../fake-bmc/scripted.ts'
import { at, smallTree, treeBehaviour } from '../fake-bmc/tree.ts'

const SYSTEM = '/redfish/v1/Systems/S'
const MEDIA = '/redfish/v1/Managers/M/VirtualMedia/'

/** A controller that does what it is told, at once; what hostile ones are made of. */
export function honestBmc(): (heard: Heard) => Reply {
  const tree = smallTree()
  const system = at(tree, SYSTEM)
  const others = treeBehaviour(tree)
  const done: Reply = { status: 204 }
  return (heard) => {
    const body = (heard.body ?? {}) as Record<string, unknown>
    const [, drive, verb] = /VirtualMedia\/(\w+)\/(insert|eject)$/.exec(heard.path) ?? []
    if (drive && verb) {
      const inserted = verb === 'insert'
      const ConnectedVia = inserted ? 'URI' : 'NotConnected'
      const Image = inserted ? body['Image'] : null
      Object.assign(at(tree, `${MEDIA}${drive}`), { Image, Inserted: inserted, ConnectedVia })
      return done
    }
    if (heard.path === `${SYSTEM}/reset`) {
      system['PowerState'] = body['ResetType'] === 'ForceOff' ? 'Off' : 'On'
      return done
    }
    if (heard.method === 'PATCH' && heard.path === SYSTEM) {
      Object.assign(system['Boot'] as object, body['Boot'])
      return done
    }
    const answer = others(heard)
    if (typeof answer === 'function') throw new Error('a tree answers with replies')
    return answer
  }
}
