// SPDX-License-Identifier: AGPL-3.0-or-later
/** HEAD by bare sockets: wrk waits for the body that a HEAD has not. */
import type { Socket } from 'bun'

const CONNECTIONS = 16
const END = Buffer.from('\r\n\r\n')

/** Answers a second with one call under way on each connection. Throws for an answer that is not 200. */
export async function headRate(
  url: string,
  headers: Readonly<Record<string, string>>,
  seconds: number,
): Promise<number> {
  const { hostname, port, host, pathname } = new URL(url)
  const lines = Object.entries({ Host: host, ...headers }).map(([name, text]) => `${name}: ${text}`)
  const request = Buffer.from([`HEAD ${pathname} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
  const failed = Promise.withResolvers<never>()
  let answers = 0
  const socket = {
    open: (each: Socket) => void each.write(request),
    data(each: Socket, bytes: Buffer) {
      if (!bytes.includes(END)) return
      if (!bytes.toString('latin1', 0, 12).endsWith(' 200')) {
        failed.reject(new Error(`HEAD ${url}: ${bytes.toString('latin1', 0, 100)}`))
      }
      answers += 1
      each.write(request)
    },
    error: (_each: Socket, error: Error) => failed.reject(error),
  }
  const opened = await Promise.all(
    Array.from({ length: CONNECTIONS }, () =>
      Bun.connect({ hostname, port: Number(port), socket }),
    ),
  )
  const started = performance.now()
  await Promise.race([Bun.sleep(seconds * 1_000), failed.promise]).finally(() => {
    for (const each of opened) each.end()
  })
  return answers / ((performance.now() - started) / 1_000)
}
