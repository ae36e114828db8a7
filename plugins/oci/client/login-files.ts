// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { clientFaults } from './faults.ts'
import type { Credentials } from './tokens.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Logins that `podman login`, `skopeo login`, `oras login` or `docker login` have left. */
export interface LoginFile {
  find(origin: string): Credentials | undefined
}

const Auths = v.object({
  auths: v.optional(
    v.record(
      v.string(),
      v.object({
        auth: v.optional(v.string()),
        username: v.optional(v.string()),
        password: v.optional(v.string()),
        identitytoken: v.optional(v.string()),
      }),
    ),
    {},
  ),
})
type Entry = v.InferOutput<typeof Auths>['auths'][string]

/** In the order in which podman looks; a file that is not there holds nothing. */
export async function readLogins(env: Env): Promise<LoginFile> {
  const home = env['HOME'] || homedir()
  const named = env['REGISTRY_AUTH_FILE']
  const runtime = env['XDG_RUNTIME_DIR']
  const paths = named
    ? [named]
    : [
        ...(runtime ? [join(runtime, 'containers/auth.json')] : []),
        join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'containers/auth.json'),
        join(env['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json'),
      ]
  const files = await Promise.all(paths.map(readAuths))
  return {
    find(origin) {
      const { host } = new URL(origin)
      const names = [host, origin, `${origin}/`, `${origin}/v1/`, `${origin}/v2/`]
      for (const auths of files) {
        for (const name of names) {
          const entry = auths[name]
          const found = entry && credentialsOf(entry)
          if (found) return found
        }
      }
      return undefined
    },
  }
}

async function readAuths(path: string): Promise<Readonly<Record<string, Entry>>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '{}'
    throw error
  })
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Auths), text)
  // Its text holds passwords: nothing of it is quoted.
  if (!parsed.success) throw clientFaults.content(`${path} is damaged: log in again, or remove it`)
  return parsed.output.auths
}

function credentialsOf(entry: Entry): Credentials | undefined {
  if (entry.identitytoken) return { refreshToken: entry.identitytoken }
  const plain = entry.auth
    ? Buffer.from(entry.auth, 'base64').toString('utf8')
    : entry.username !== undefined && `${entry.username}:${entry.password ?? ''}`
  if (!plain) return undefined
  const authorization = `Basic ${Buffer.from(plain, 'utf8').toString('base64')}`
  return { authorization, user: plain.split(':', 1)[0] }
}
