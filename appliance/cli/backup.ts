// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, rename, rm } from 'node:fs/promises'
import { facts } from '../../core/table.ts'
import { sizeOf } from '../../core/times.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { failure, usageProblem } from './problem.ts'

const WITHOUT_KEYS =
  'without keys: keep `keys/` of the data folder elsewhere, or BMC passwords and open jobs are lost'

export const backupCommand: CliCommand = {
  words: ['backup'],
  summary: 'copy database, keys, admin token and configuration into a file',
  about:
    'The appliance works on meanwhile. The file opens every controller it knows: keep it as you keep\npasswords, or leave the keys out and keep those elsewhere. The maintenance ISO is not in it.',
  options: {
    output: { short: 'o', value: 'FILE', summary: 'the archive to write; must not exist' },
    'no-keys': { summary: 'the database alone: no keys, no admin token, no configuration' },
  },
  examples: ['slipway backup -o slipway-2026-03-01.tar', 'slipway backup --no-keys -o offsite.tar'],
  async run({ flags, out, client: connect }) {
    const path = flags.text('output')
    if (!path) throw usageProblem('say where to with -o FILE', 'slipway backup')
    if (await Bun.file(path).exists()) throw failure('file', `${path} exists already`)
    const client = await connect()
    const response = await client.request('GET', '/api/v1/backup', {
      query: { keys: flags.on('no-keys') ? 'false' : undefined },
      headers: { accept: 'application/x-tar' },
      // A large database is copied before the first byte comes.
      timeoutMs: 0,
    })
    const partial = `${path}.${process.pid}.partial`
    try {
      await save(response, partial)
      const { readBackup } = await import('../backup/archive.ts')
      const manifest = await readBackup(partial)
      await rename(partial, path)
      out.answer({ ...manifest, file: path }, () => [
        ...facts([
          ['file', path],
          ['size', sizeOf(Bun.file(path).size)],
          ['holds', manifest.files.map((file) => file.path).join(', ')],
          ['key', manifest.seal_key_id],
        ]),
      ])
      if (!manifest.keys && !out.json) out.note(WITHOUT_KEYS)
      return EXIT.ok
    } finally {
      await rm(partial, { force: true })
    }
  },
}

/** For our eyes only, and on the disk before it is believed. */
async function save(response: Response, path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw failure('file', `cannot write ${path}: ${(cause as Error).message}`, cause)
  })
  try {
    for await (const chunk of response.body ?? []) await file.writeFile(chunk)
    await file.sync()
  } finally {
    await file.close()
  }
}
