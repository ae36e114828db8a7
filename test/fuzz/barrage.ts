// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunningAppliance } from '../harness.ts'
import type { Chance } from './chance.ts'
import { mutateRequest, type Shot } from './request-mutation.ts'
import type { Sample } from './routes.ts'

/** Statuses of ours that speak of a controller, a payload's server, the time or a full disk, not of a bug here. */
const DECLARED: ReadonlySet<number> = new Set([502, 503, 504, 507])
const LONGEST_MS = 2_000
/** Probes of controllers that do not answer wait; the others need not. */
const AT_ONCE = 16
/** Long answers prove nothing more: an image, a stream of events. */
const READ_BYTES = 1 << 20

export interface Finding {
  readonly what: string
  readonly request: string
}

/** What came of a barrage: `findings` should be empty, `statuses` many. */
export interface Outcome {
  readonly findings: Finding[]
  readonly statuses: Set<number>
}

const shown = ({ method, path, headers, body }: Shot) =>
  `${method} ${path.slice(0, 300)} ${JSON.stringify([...headers]).slice(0, 300)} ${String(body ?? '').slice(0, 500)}`

async function readSome(response: Response): Promise<void> {
  // Events come without an end: the answer has begun, that is what counts.
  if (/event-stream/.test(response.headers.get('content-type') ?? '')) {
    return void (await response.body?.cancel())
  }
  let size = 0
  for await (const piece of response.body ?? []) {
    size += piece.byteLength
    if (size > READ_BYTES) break
  }
}

/** The client's address changes: failed logins are rationed by it. */
const addressOf = (chance: Chance) => `192.0.2.${1 + chance.int(250)}`

async function answerTo(running: RunningAppliance, shot: Shot, address: string) {
  const { apps } = running.appliance
  const request = new Request(`http://appliance.test${shot.path}`, {
    method: shot.method,
    headers: shot.headers,
    ...(shot.body === undefined ? {} : { body: shot.body }),
  })
  const app = shot.door === 'api' ? apps.api : apps.field.app
  const started = performance.now()
  const response = await app.fetch(request, { clientAddress: address })
  await readSome(response)
  return { status: response.status, ms: performance.now() - started }
}

/** What is wrong with the answer; undefined when nothing is. Slow ones are asked again: the computer may be busy. */
async function judge(
  running: RunningAppliance,
  shot: Shot,
  address: string,
  statuses: Set<number>,
): Promise<string | undefined> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('no answer within 30 s')), 30_000)
  try {
    for (let tries = 1; ; tries++) {
      const { status, ms } = await Promise.race([answerTo(running, shot, address), late.promise])
      statuses.add(status)
      if (status >= 500 && !DECLARED.has(status)) return `status ${status}`
      if (ms <= LONGEST_MS) return undefined
      if (tries === 3) return `${Math.round(ms)} ms, three times`
    }
  } catch (error) {
    return `thrown: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    clearTimeout(timer)
  }
}

/** Fires malformed requests, a number at a time, and adds what it found to `outcome`. */
export async function fireRequests(
  running: RunningAppliance,
  parts: {
    readonly samples: readonly Sample[]
    readonly count: number
    readonly chance: Chance
    readonly outcome: Outcome
  },
): Promise<void> {
  const { findings, statuses } = parts.outcome
  let left = parts.count
  const worker = async () => {
    while (left-- > 0) {
      const { chance } = parts
      const shot = mutateRequest(chance.pick(parts.samples), running.adminToken, chance)
      const what = await judge(running, shot, addressOf(chance), statuses)
      if (what) findings.push({ what, request: shown(shot) })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}
