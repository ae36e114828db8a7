// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Asked, DROPPED, type Interception } from '../../plugins/simulator/index.ts'

/** Faults of controllers, to be added to a simulated machine's `faults`. Each says where it was seen. */

const isInsert = ({ method, path }: Asked) =>
  method === 'POST' && path.endsWith('/VirtualMedia.InsertMedia')

const isBootPatch = ({ method, text }: Asked) => method === 'PATCH' && text.includes('"Boot"')

/** "Insert answers 204 and the GET may stay empty": terraform-provider-redfish #331. */
export const insertDoesNothing: Interception = async (asked, next) =>
  isInsert(asked) ? { status: 204 } : await next()

/** "KVM-only slots answer 400 → next slot": Launchpad ironic 2031595 (Cisco UCS). */
export const refusesInsertOn =
  (drive: RegExp): Interception =>
  async (asked, next) => {
    if (!isInsert(asked) || !drive.test(asked.path)) return await next()
    const message = 'The drive takes no image.'
    return { status: 400, body: { error: { code: 'Base.1.12.GeneralError', message } } }
  }

/** The line is dead: every connection breaks before an answer. */
export const unreachable: Interception = async () => DROPPED

/** A boot override that is answered 200 and not kept: "a 2xx is not evidence". */
export const overrideIgnored: Interception = async (asked, next) =>
  isBootPatch(asked) ? { status: 200, body: {} } : await next()
