// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { selfSigned } from '../../core/certificates/self-signed.ts'
import type { MediaSlot } from '../../core/jobs/bmc.ts'
import { writeIso, writeSampleBootIso } from '../../plugins/iso/index.ts'

/** A boot image and one with nothing to boot, where a BMC can fetch them. */
export interface ServedImages extends AsyncDisposable {
  readonly urls: Readonly<Record<MediaSlot, string>>
}

/** Over HTTPS they come with a certificate that nobody signed. */
export async function serveImages(https = false): Promise<ServedImages> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-images-'))
  await writeSampleBootIso(join(folder, 'boot.iso'))
  const tree = new Map([['/README.txt', new TextEncoder().encode('nothing to do\n')]])
  await writeIso(join(folder, 'task.iso'), { volumeId: 'EMPTY', tree })
  const tls = https ? selfSigned({ names: ['127.0.0.1'], days: 1 }) : undefined
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    ...(tls && { tls: { key: tls.key, cert: tls.cert } }),
    fetch(request) {
      const name = new URL(request.url).pathname.slice(1)
      if (!/^(boot|task)\.iso$/.test(name)) return new Response(null, { status: 404 })
      return new Response(Bun.file(join(folder, name)))
    },
  })
  const origin = `http${https ? 's' : ''}://127.0.0.1:${server.port}`
  return {
    urls: { boot: `${origin}/boot.iso`, task: `${origin}/task.iso` },
    async [Symbol.asyncDispose]() {
      await server.stop(true)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
