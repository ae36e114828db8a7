// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import type { Machines } from '../../core/machines/machines.ts'
import { createOutbound } from '../../core/outbound.ts'
import { definePlugin } from '../../core/plugin.ts'
import { payloadFaults } from './faults.ts'
import { type PayloadSources, resolvePayloads } from './resolve.ts'

const NAME = 'payloads'

/** Fetches what recipes refer to when a job comes in: from a folder of assets or from a URL. */
export const payloads = definePlugin({
  name: NAME,
  config: v.strictObject({
    assets_dir: v.pipe(
      v.optional(v.string(), ''),
      v.description('folder that {"path"} payloads come from; empty: none'),
    ),
    ca_file: v.pipe(
      v.optional(v.string(), ''),
      v.description('PEM of further CAs that https URLs of payloads may be signed by'),
    ),
  }),
  setup({ hooks, machines, addresses, now }, { assets_dir, ca_file }) {
    const sourcesWith = (caPem: string | undefined): PayloadSources => ({
      assetsDir: assets_dir,
      outbound: createOutbound({ addresses, bmcHosts: () => bmcHosts(machines), now, caPem }),
    })
    let sources = sourcesWith(undefined)

    hooks.start.tapPromise(NAME, async () => {
      if (ca_file === '') return
      const caPem = await readFile(ca_file, 'utf8').catch((cause: unknown) => {
        throw payloadFaults.notFound(`ca_file ${ca_file} of [payloads] can not be read`, { cause })
      })
      sources = sourcesWith(caPem)
    })
    hooks.submit.tapPromise(NAME, (submission) => resolvePayloads(submission, sources))
  },
})

/** Hosts of all BMCs, as their URLs name them. */
async function bmcHosts(machines: Machines): Promise<readonly string[]> {
  const all = await machines.list({ labels: [], limit: Number.MAX_SAFE_INTEGER, afterSerial: '' })
  return all.map(({ bmc }) => new URL(bmc.url).hostname)
}
