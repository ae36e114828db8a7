// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Interception, RunningMachine } from '../../plugins/simulator/index.ts'

interface Request {
  readonly method: string
  readonly path: string
  readonly text: string
}

/** A gate in a controller's answers: tells when the request came, and lets it go on when it is opened. */
export interface Gate {
  readonly reached: Promise<void>
  open(): void
}

/** `asked`: before the controller does it; `done`: it did it, and its answer is held back. */
export function gateAt(
  machine: RunningMachine,
  held: (request: Request) => boolean,
  at: 'asked' | 'done' = 'asked',
): Gate {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const stop = async () => {
    reached.resolve()
    await opened.promise
  }
  const interception: Interception = async (request, next) => {
    if (!held(request)) return next()
    machine.faults.delete(interception)
    if (at === 'asked') await stop()
    const outcome = await next()
    if (at === 'done') await stop()
    return outcome
  }
  machine.faults.add(interception)
  return { reached: reached.promise, open: () => opened.resolve() }
}

export const isReset =
  (type: string) =>
  ({ path, text }: Request): boolean =>
    path.endsWith('ComputerSystem.Reset') && text.includes(`"${type}"`)

export const isPower = ({ path }: { readonly path: string }): boolean =>
  path.endsWith('ComputerSystem.Reset')

/** Power requests that the controller got, by their type. */
export const resets = (machine: RunningMachine): unknown[] =>
  machine.requests.filter(isPower).map(({ body }) => body?.['ResetType'])
