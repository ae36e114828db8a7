// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import { sleep } from '../../core/retry.ts'
import { type Answer, told } from './answer.ts'
import type { Note } from './client.ts'
import type { RedfishOptions } from './config.ts'

/** The first try and three more: controllers answer 5xx while an eject is under way (ironic boot.py, story 2008504). */
const ATTEMPTS = 4

/**
 * Sends an order about media, again after a 5xx or a lost connection. Media orders may be repeated:
 * what they did is judged by reading the drive.
 */
export async function order(
  parts: { readonly note: Note; readonly options: Pick<RedfishOptions, 'rungPauseMs'> },
  signal: AbortSignal,
  send: () => Promise<Answer>,
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt === ATTEMPTS
    try {
      const answer = await send()
      if (answer.status < 500 || last) return answer
      parts.note('info', `${told(answer)}; trying again.`)
    } catch (error) {
      if (last || !(error instanceof Fault) || !error.kind.retry) throw error
      parts.note('info', `${error.message} Trying again.`)
    }
    await sleep(parts.options.rungPauseMs, signal)
  }
}
