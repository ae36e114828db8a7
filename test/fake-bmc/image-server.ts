// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'

/** One request for an image. */
export interface ImageRequest {
  readonly method: string
  readonly name: string
  readonly range: string | null
  readonly connection: string | null
}

/** Images over plain HTTP; disposing it breaks what connections there are. */
export interface ImageServer extends Disposable {
  readonly url: (name: string) => string
  readonly requests: readonly ImageRequest[]
}

/** Serves the images of a folder by ranges and keeps what was asked. */
export function serveImages(folder: string): ImageServer {
  const requests: ImageRequest[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch({ method, url, headers }) {
      const name = new URL(url).pathname.slice(1)
      requests.push({
        method,
        name,
        range: headers.get('range'),
        connection: headers.get('connection'),
      })
      const file = Bun.file(join(folder, name))
      return (await file.exists()) ? new Response(file) : new Response('no image', { status: 404 })
    },
  })
  return {
    url: (name) => `http://127.0.0.1:${server.port}/${name}`,
    requests,
    [Symbol.dispose]: () => void server.stop(true),
  }
}
