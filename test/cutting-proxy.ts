// SPDX-License-Identifier: AGPL-3.0-or-later
/** For tests: a TCP proxy that cuts connections after so many bytes, and counts them. */
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  readonly port: number
  /** From the client to the server, everything included. */
  readonly upBytes: number
  readonly downBytes: number
  readonly cuts: number
}

export interface CuttingPlan {
  readonly targetPort: () => number
  /** Bytes of one direction after which the connection that carries them is cut, one after another. */
  readonly cutAfter: readonly number[]
  readonly direction: 'up' | 'down'
  /** Something to do at each cut, before connections are taken again. */
  readonly onCut?: (cut: number) => void | Promise<void>
}

/** Cuts whole connections: both ends see them broken, as when a switch dies. */
export async function startCuttingProxy(plan: CuttingPlan): Promise<CuttingProxy> {
  const open = new Set<Socket>()
  let [up, down, cuts, since] = [0, 0, 0, 0]

  const cut = () => {
    cuts++
    since = 0
    for (const socket of open) socket.destroy()
    void plan.onCut?.(cuts)
  }
  /** Passes on what may still pass; true when that was the last of it. */
  const carry = (direction: 'up' | 'down', bytes: number): { pass: number; last: boolean } => {
    const limit = direction === plan.direction ? plan.cutAfter[cuts] : undefined
    if (limit === undefined || since + bytes < limit) {
      if (direction === plan.direction) since += bytes
      return { pass: bytes, last: false }
    }
    return { pass: limit - since, last: true }
  }
  const pipe = (from: Socket, to: Socket, direction: 'up' | 'down') => {
    from.on('data', (bytes: Buffer) => {
      const { pass, last } = carry(direction, bytes.length)
      if (direction === 'up') up += pass
      else down += pass
      const flowing = to.write(bytes.subarray(0, pass))
      if (last) cut()
      else if (!flowing) from.pause()
    })
    to.on('drain', () => from.resume())
    from.on('close', () => to.destroy())
    from.on('error', () => to.destroy())
  }
  const server: Server = createServer((client) => {
    const upstream = connect({ port: plan.targetPort(), host: '127.0.0.1' })
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
    }
    pipe(client, upstream, 'up')
    pipe(upstream, client, 'down')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    get upBytes() {
      return up
    },
    get downBytes() {
      return down
    },
    get cuts() {
      return cuts
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
