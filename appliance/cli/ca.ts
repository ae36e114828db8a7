// SPDX-License-Identifier: AGPL-3.0-or-later
import { writeFile } from 'node:fs/promises'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { failure } from './problem.ts'
import { caFingerprint } from './trust.ts'

export const caExport: CliCommand = {
  words: ['ca', 'export'],
  summary: 'the CA certificate of the appliance, for machines and laptops that are to believe it',
  options: { output: { short: 'o', value: 'FILE', summary: 'instead of standard output' } },
  examples: [
    'slipway ca export -o slipway-ca.pem',
    'slipway ca export --json | jq -r .fingerprint',
  ],
  async run({ flags, out, client: open }) {
    const client = await open()
    const headers = { accept: 'application/x-pem-file' }
    const pem = await (await client.request('GET', '/api/v1/ca.pem', { headers })).text()
    const fingerprint = caFingerprint(pem, client.url)
    const file = flags.text('output')
    if (file !== undefined) {
      await writeFile(file, pem).catch((cause: unknown) => {
        throw failure('file', `cannot write ${file}: ${(cause as Error).message}`, cause)
      })
    } else if (!out.json) out.raw(pem)
    out.document({ ca_pem: pem, fingerprint })
    if (!out.json) out.note(`SHA-256 ${fingerprint}`)
    return EXIT.ok
  },
}
