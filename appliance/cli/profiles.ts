// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { writePrivateFile } from '../../core/private-file.ts'
import { readToml, TomlError, writeTomlKey, writeTomlValue } from '../config/toml.ts'
import { failure } from './problem.ts'

type Env = Readonly<Record<string, string | undefined>>

const Profile = v.strictObject({
  /** Origin of the appliance, e.g. `https://slipway.lab:8443`. */
  url: v.string(),
  /** The token itself stays in its own file. */
  token_file: v.optional(v.string()),
  user: v.optional(v.string()),
  password_file: v.optional(v.string()),
  ca_file: v.optional(v.string()),
})
export type Profile = v.InferOutput<typeof Profile>

const Profiles = v.strictObject({
  /** Taken when a command names none. */
  current: v.optional(v.string()),
  profiles: v.optional(v.record(v.string(), Profile), {}),
})
export type Profiles = v.InferOutput<typeof Profiles>

/** Folder of what belongs to the person at the keyboard, not to an appliance. */
export function clientFolder(env: Env): string {
  return join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'slipway')
}

const profilesFile = (env: Env) => join(clientFolder(env), 'profiles.toml')

/** All profiles; none when the file does not exist. */
export async function readProfiles(env: Env): Promise<Profiles> {
  const path = profilesFile(env)
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw failure('profiles', `cannot read ${path}: ${(cause as Error).message}`, cause)
  })
  try {
    return v.parse(Profiles, readToml(text).value)
  } catch (cause) {
    if (!(cause instanceof TomlError) && !(cause instanceof v.ValiError)) throw cause
    const at = cause instanceof TomlError ? `:${cause.place.line}` : ''
    throw failure('profiles', `${path}${at} is damaged: ${cause.message}; mend or remove it`, cause)
  }
}

/** Replaces the file, 0600. */
export async function writeProfiles(env: Env, { current, profiles }: Profiles): Promise<void> {
  const lines = current === undefined ? [] : [`current = ${writeTomlValue(current)}`]
  for (const [name, profile] of Object.entries(profiles)) {
    lines.push('', `[profiles.${writeTomlKey(name)}]`)
    for (const [key, value] of Object.entries(profile)) {
      if (value !== undefined) lines.push(`${key} = ${writeTomlValue(value)}`)
    }
  }
  await writePrivateFile(profilesFile(env), `${lines.join('\n')}\n`)
}
