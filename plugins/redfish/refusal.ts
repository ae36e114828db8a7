// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Fault } from '../../core/faults.ts'
import { type Answer, told } from './answer.ts'
import { redfishFaults } from './faults.ts'
import { saysLicense, saysLocked, saysNoSession, saysTryLater } from './messages.ts'

/** An answer that asks for another try, rather than refusing. */
export const isTransient = (answer: Answer) =>
  [429, 502, 503, 504].includes(answer.status) ||
  (!answer.ok && answer.status !== 401 && saysTryLater(answer.messages))

/** Faults that are the same whatever was asked; undefined when the answer is about the request itself. */
export function generalFault(answer: Answer): Fault | undefined {
  const { messages, status, host } = answer
  if (saysLicense(messages))
    return redfishFaults.license(
      `${told(answer)}. It lacks a licence for this: install it on the controller.`,
    )
  if (saysLocked(messages))
    return redfishFaults.locked(
      `${told(answer)}. Its configuration is locked: lift the lockdown on the controller.`,
    )
  if (status === 401)
    return redfishFaults.unauthorized(
      `${told(answer)}. Check the machine's BMC user name and password.`,
    )
  if (status === 403)
    return redfishFaults.unauthorized(
      `${told(answer)}. Give the user the privileges to configure, to control power and to use virtual media.`,
    )
  if (saysNoSession(messages))
    return redfishFaults.sessionsExhausted(
      `${told(answer)}. All sessions of the BMC ${host} are taken: close some, or restart the controller.`,
    )
  if (isTransient(answer)) return redfishFaults.busy(`${told(answer)}. Try again in a while.`)
  return undefined
}

/** The fault of an answer nobody expected. */
export function refusal(answer: Answer): Fault {
  const general = generalFault(answer)
  if (general) return general
  if (answer.status === 404)
    return redfishFaults.missing(
      `${told(answer)}: it is linked there, or named in the machine's system; restart the controller, or set the system anew.`,
    )
  return redfishFaults.refused(`${told(answer)}. Look at the controller's own page and log.`)
}
