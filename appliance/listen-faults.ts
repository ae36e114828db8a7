// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults, type Fault, sentence } from '../core/faults.ts'

export const listenFaults = defineFaults('server', {
  portTaken: { status: 500, retry: false },
  notOpened: { status: 500, retry: false },
})

/** Why a port could not be opened, with the key of the configuration that chooses it. */
export function openingFault(cause: unknown, listen: string, key: string): Fault {
  if (/EADDRINUSE|in use/i.test(sentence(cause))) {
    return listenFaults.portTaken(
      `${listen} is taken by another process: stop it, or choose another port with ${key}`,
      { cause },
    )
  }
  const message = `${listen} can not be opened (${sentence(cause)}): change ${key}`
  return listenFaults.notOpened(message, { cause })
}
