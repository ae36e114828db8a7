// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Flags } from '../../core/command.ts'
import { didYouMean } from '../../core/nearest.ts'
import { readPrivateFile } from '../../core/private-file.ts'
import { dataFolder } from '../data-folder.ts'
import { EXIT } from './exit.ts'
import { CliProblem, failure, usageProblem } from './problem.ts'
import { type Profile, readProfiles } from './profiles.ts'
import { askHidden, canAsk } from './prompt.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Which appliance a command talks to, and how it shows who it is. */
export interface Target {
  /** Origin without a slash at the end. */
  readonly url: string
  readonly caFile: string | undefined
  /** SHA-256 of the CA certificate. */
  readonly fingerprint: string | undefined
  /** Value of the Authorization header; asked for at most once a command. */
  authorization(): Promise<string | undefined>
}

/** Of `slipway serve` with its defaults, seen from the same box. */
const LOCAL_URL = 'http://127.0.0.1:8081'

/** Flags go before the environment, that before the profile, and that before the appliance of this box. */
export async function findTarget(flags: Flags, env: Env): Promise<Target> {
  if (flags.on('url') && flags.on('profile')) {
    throw usageProblem('--url and --profile exclude each other: a profile has its own URL')
  }
  const given = (flag: string, variable: string) => flags.text(flag) ?? (env[variable] || undefined)
  const urlGiven = flags.on('profile') ? undefined : given('url', 'SLIPWAY_URL')
  const data = given('data', 'SLIPWAY_DATA')
  const profile = urlGiven || flags.on('data') ? undefined : await chosenProfile(flags, env)
  const url = checkedUrl(urlGiven ?? profile?.url ?? LOCAL_URL)
  const mayUseDataFolder = !profile && (!urlGiven || data !== undefined) && isLoopback(url)
  const login = loginOf(given, env, profile, mayUseDataFolder ? dataFolder(data, env) : undefined)
  let authorization: Promise<string | undefined> | undefined
  return {
    url: url.origin,
    caFile: given('ca', 'SLIPWAY_CA_FILE') ?? profile?.ca_file,
    fingerprint: given('fingerprint', 'SLIPWAY_FINGERPRINT'),
    authorization() {
      authorization ??= login()
      return authorization
    },
  }
}

async function chosenProfile(flags: Flags, env: Env): Promise<Profile | undefined> {
  const { current, profiles } = await readProfiles(env)
  const name = flags.text('profile') ?? (env['SLIPWAY_PROFILE'] || current)
  if (name === undefined) return undefined
  const profile = profiles[name]
  if (profile) return profile
  const hint = didYouMean(name, Object.keys(profiles)) || '; `slipway profile list` shows them'
  const message = `there is no profile \`${name}\`${hint}`
  throw new CliProblem(EXIT.notFound, { error: 'not_found', code: 'cli.profile', message })
}

/** An origin we may talk to. Throws a usage problem. */
export function checkedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw usageProblem(`\`${text}\` is not the URL of an appliance, e.g. https://slipway.lab:8443`)
  }
  if (url.username || url.password || url.search || url.hash || url.pathname !== '/') {
    throw usageProblem('the URL of an appliance is scheme, host and port only')
  }
  if (url.protocol === 'http:' && !isLoopback(url)) {
    throw usageProblem(
      `${url.origin} would send the token in clear: take https (port 8443 unless configured)`,
    )
  }
  return url
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.[\d.]+$/.test(hostname)
}

type Given = (flag: string, variable: string) => string | undefined

/** The first way to log in that was given; the admin token of this box's data folder comes last. */
function loginOf(given: Given, env: Env, profile: Profile | undefined, data: string | undefined) {
  return async (): Promise<string | undefined> => {
    const tokenFile = given('token-file', 'SLIPWAY_TOKEN_FILE')
    const user = given('user', 'SLIPWAY_USER')
    if (env['SLIPWAY_TOKEN']) return `Bearer ${env['SLIPWAY_TOKEN'].trim()}`
    if (tokenFile) return `Bearer ${await firstLine(tokenFile)}`
    if (user) return basic(user, env['SLIPWAY_PASSWORD'] || (await passwordOf(user, undefined)))
    if (profile?.token_file) return `Bearer ${await firstLine(profile.token_file)}`
    if (profile?.user) return basic(profile.user, await passwordOf(profile.user, profile))
    const token = data && (await readPrivateFile(join(data, 'admin.token')))
    return token ? `Bearer ${token.toString('utf8').trim()}` : undefined
  }
}

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`

async function passwordOf(user: string, profile: Profile | undefined): Promise<string> {
  if (profile?.password_file) return firstLine(profile.password_file)
  if (!canAsk()) {
    const message = `${user} needs a password: set SLIPWAY_PASSWORD, or use a terminal`
    throw new CliProblem(EXIT.unauthorized, {
      error: 'unauthorized',
      code: 'cli.password',
      message,
    })
  }
  return askHidden(`Password of ${user}: `)
}

/** Secrets in files end with the line they were written with. */
async function firstLine(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw failure('secret-file', `cannot read ${path}: ${(cause as Error).message}`, cause)
  })
  const line = text.split(/\r?\n/, 1)[0]?.trim() ?? ''
  if (line === '') throw failure('secret-file', `${path} is empty`)
  return line
}
