// SPDX-License-Identifier: AGPL-3.0-or-later
import type * as v from 'valibot'
import { told } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { redfishFaults } from './faults.ts'
import { isTransient, refusal } from './refusal.ts'
import { parseResource, ServiceRoot } from './resources.ts'

export type Root = v.InferOutput<typeof ServiceRoot>

/** The one path that the standard fixes (DSP0266 §6.3); without the slash on some firmware. */
const PLACES = ['/redfish/v1/', '/redfish/v1']

/** Reads the service root, which needs no login. Throws `redfish.not-redfish` when there is none. */
export async function readRoot(exchange: Exchange, signal: AbortSignal): Promise<Root> {
  let answer = await exchange({ method: 'GET', path: PLACES[0] ?? '' }, signal)
  if (answer.status === 404)
    answer = await exchange({ method: 'GET', path: PLACES[1] ?? '' }, signal)
  if (isTransient(answer)) throw refusal(answer)
  if (!answer.ok)
    throw redfishFaults.notRedfish(
      `${told(answer)}, where its service root should be: check the machine's BMC URL and that Redfish is enabled.`,
    )
  const root = parseResource(ServiceRoot, answer)
  if (root.Systems || root.Managers || root.RedfishVersion) return root
  throw redfishFaults.notRedfish(
    `The BMC ${answer.host} answers /redfish/v1 with JSON that is no service root: check the machine's BMC URL.`,
  )
}

/** The Sessions collection as the root links it (DSP0266 requires `Links.Sessions`). */
export const sessionsUriOf = (root: Root): string | undefined => root.Links?.Sessions?.['@odata.id']
