// SPDX-License-Identifier: AGPL-3.0-or-later
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { didYouMean } from '../../core/nearest.ts'
import { writePrivateFile } from '../../core/private-file.ts'
import { table } from '../../core/table.ts'
import type { Call, CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { CliProblem, usageProblem } from './problem.ts'
import {
  clientFolder,
  type Profile,
  type Profiles,
  readProfiles,
  writeProfiles,
} from './profiles.ts'
import { checkedUrl } from './target.ts'
import { caByFingerprint, readCa } from './trust.ts'

const NAME = { name: 'NAME', summary: 'name of the profile' }

export const profileAdd: CliCommand = {
  words: ['profile', 'add'],
  summary: 'remember an appliance: where it is, how to log in, whom to believe',
  about:
    'Takes --url, --token-file or --user, and --ca or --fingerprint of the common options. The\nCA is copied beside the profile; the token stays in its file. The first profile is used from\nthen on; `slipway profile use` changes that.',
  arguments: [NAME],
  options: {
    'password-file': { value: 'FILE', summary: 'with --user; asked for each time when not given' },
  },
  examples: [
    'slipway profile add lab --url https://slipway.lab:8443 --token-file ~/lab.token --ca lab-ca.pem',
    'slipway profile add lab --url https://slipway.lab:8443 --user ada --fingerprint AB:CD:…',
  ],
  async run({ args: [name = ''], flags, env, out }) {
    const url = flags.text('url')
    if (url === undefined) throw usageProblem('--url is needed', 'slipway profile add')
    const { origin } = checkedUrl(url)
    const ca = await caToKeep(origin, flags)
    const caFile = caPath(name, env)
    if (ca !== undefined) await writePrivateFile(caFile, ca)
    const path = (option: string) => {
      const given = flags.text(option)
      return given === undefined ? undefined : resolve(given)
    }
    const fields = {
      url: origin,
      token_file: path('token-file'),
      user: flags.text('user'),
      password_file: path('password-file'),
      ca_file: ca === undefined ? undefined : caFile,
    }
    const profile = Object.fromEntries(
      Object.entries(fields).filter(([, value]) => value !== undefined),
    ) as Profile
    const old = await readProfiles(env)
    const profiles = { ...old.profiles, [name]: profile }
    const current = old.current ?? name
    await writeProfiles(env, { current, profiles })
    out.answer({ name, ...profile, current: current === name }, () => [
      `profile ${name} is kept${current === name ? ' and used' : ''}`,
    ])
    return EXIT.ok
  },
}

async function caToKeep(url: string, flags: Call['flags']): Promise<string | undefined> {
  const [file, fingerprint] = [flags.text('ca'), flags.text('fingerprint')]
  if (file !== undefined && fingerprint !== undefined) {
    throw usageProblem('--ca and --fingerprint exclude each other', 'slipway profile add')
  }
  if (file !== undefined) return readCa(file)
  return fingerprint === undefined ? undefined : caByFingerprint(url, fingerprint)
}

const caPath = (name: string, env: Call['env']) =>
  join(clientFolder(env), 'profiles', `${name.replaceAll(/[^A-Za-z0-9._-]/g, '_')}.pem`)

export const profileList: CliCommand = {
  words: ['profile', 'list'],
  summary: 'appliances that are remembered',
  examples: ['slipway profile list'],
  async run({ env, out }) {
    const { current, profiles } = await readProfiles(env)
    const rows = Object.entries(profiles).map(([name, profile]) => ({
      name,
      ...profile,
      current: name === current,
    }))
    out.answer({ profiles: rows }, () => {
      if (rows.length === 0) return ['no profiles: the appliance of this box is used']
      const columns = [
        { title: '', value: (row: (typeof rows)[number]) => (row.current ? '*' : '') },
        { title: 'NAME', value: (row: (typeof rows)[number]) => row.name },
        { title: 'URL', value: (row: (typeof rows)[number]) => row.url },
        {
          title: 'LOGIN',
          value: (row: (typeof rows)[number]) => row.user ?? row.token_file ?? '',
          cut: true,
        },
      ]
      return table(rows, columns, out.columns())
    })
    return EXIT.ok
  },
}

export const profileUse: CliCommand = {
  words: ['profile', 'use'],
  summary: 'talk to this appliance when nothing else is said',
  arguments: [NAME],
  examples: ['slipway profile use lab'],
  async run({ args: [name = ''], env, out }) {
    const all = await readProfiles(env)
    existing(all, name)
    await writeProfiles(env, { ...all, current: name })
    out.answer({ current: name }, () => [`profile ${name} is used`])
    return EXIT.ok
  },
}

export const profileRemove: CliCommand = {
  words: ['profile', 'remove'],
  summary: 'forget an appliance, and its CA',
  arguments: [NAME],
  examples: ['slipway profile remove lab'],
  async run({ args: [name = ''], env, out }) {
    const all = await readProfiles(env)
    existing(all, name)
    const { [name]: _, ...profiles } = all.profiles
    const current = all.current === name ? undefined : all.current
    await writeProfiles(env, { current, profiles })
    await rm(caPath(name, env), { force: true })
    out.answer({ removed: name }, () => [`profile ${name} is forgotten`])
    return EXIT.ok
  },
}

function existing({ profiles }: Profiles, name: string): void {
  if (Object.hasOwn(profiles, name)) return
  const message = `there is no profile \`${name}\`${didYouMean(name, Object.keys(profiles))}`
  throw new CliProblem(EXIT.notFound, { error: 'not_found', code: 'cli.profile', message })
}
