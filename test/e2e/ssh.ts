// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep } from '../../core/retry.ts'
import { SECOND } from '../../core/units.ts'
import { run } from './artifacts.ts'

/** A key made for one run. */
export interface SshKey {
  readonly file: string
  /** As it stands in `authorized_keys`. */
  readonly publicLine: string
}

export async function makeSshKey(folder: string): Promise<SshKey> {
  const file = join(folder, 'key')
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'e2e', '-f', file])
  return { file, publicLine: (await readFile(`${file}.pub`, 'utf8')).trim() }
}

/** What a command on the machine printed; asked again until it answers. Throws with ssh's own words. */
export async function ssh(
  { file }: SshKey,
  port: number,
  command: string,
  limitMs: number,
): Promise<string> {
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null']
  options.push('ConnectTimeout=5', 'IdentitiesOnly=yes', 'LogLevel=ERROR')
  const flags = options.flatMap((option) => ['-o', option])
  const deadline = performance.now() + limitMs
  for (;;) {
    try {
      return await run(['ssh', ...flags, '-i', file, '-p', String(port), 'root@127.0.0.1', command])
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(SECOND)
    }
  }
}
