// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'

/** One request to a controller, as it was made. */
export interface Order {
  readonly method: string
  readonly path: string
  readonly body: Readonly<Record<string, unknown>> | undefined
  readonly status: number | undefined
}

export interface FleetMachine {
  readonly serial: string
  readonly bmc_url: string
  readonly username: string
  readonly password: string
}

export type FleetAsk = 'requests' | 'state' | 'load'

/** What a fleet was asked since it stands, all machines together. */
export interface FleetLoad {
  /** Requests to controllers. */
  readonly requests: number
  /** Requests for images, and the bytes that came. */
  readonly reads: number
  readonly bytes: number
  /** Of the fleet's own process. */
  readonly cpuMs: number
}

/** What the fleet's process sends; the first one comes by itself when all controllers listen. */
export interface FleetReply {
  readonly machines?: readonly FleetMachine[]
  /** Of the first machine. */
  readonly requests?: readonly Order[]
  /** Open at all controllers together. */
  readonly sessions?: number
  /** URLs of what is in drives. */
  readonly images?: readonly string[]
  readonly load?: FleetLoad
}

export interface FleetOptions {
  readonly count: number
  /** How long each answer of a controller takes. */
  readonly answerMs: number
  /** What runs on the machines; default `success`. */
  readonly script?: string
  /** Each machine reads the medium that it boots to the end; default true. */
  readonly readsWhole?: boolean
}

/** Simulated machines in a process of their own. */
export interface Fleet extends AsyncDisposable {
  readonly machines: readonly FleetMachine[]
  ask(what: FleetAsk): Promise<FleetReply>
}

/** Starts machines; the caller disposes it. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  let next = Promise.withResolvers<FleetReply>()
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, 'fleet-process.ts'), JSON.stringify(options)],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      ipc: (reply: FleetReply) => next.resolve(reply),
      onExit: (_, code) => next.reject(new Error(`the fleet ended with ${code}`)),
    },
  )
  const { machines = [] } = await next.promise
  return {
    machines,
    async ask(what) {
      next = Promise.withResolvers()
      child.send(what)
      return next.promise
    },
    async [Symbol.asyncDispose]() {
      next.promise.catch(() => undefined)
      child.kill()
      await child.exited
    },
  }
}
