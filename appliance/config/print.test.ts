// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { temporaryFolder } from '../cli/test-bed.ts'
import { loadConfig, settingsOfPlugins } from '../config.ts'
import { builtInPlugins } from '../plugins.ts'
import { configDocument, HIDDEN, printConfig, printDefaults } from './print.ts'

const plugins = [
  {
    name: 'sample',
    config: v.strictObject({
      site: v.pipe(v.string(), v.description('name of the site')),
      accounts: v.optional(v.record(v.string(), v.record(v.string(), v.string())), {}),
    }),
  },
]

async function load(
  toml: string,
  own: readonly (typeof builtInPlugins)[number][] | typeof plugins,
) {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'slipway.toml'), toml)
  return await loadConfig({ env: {}, flags: [], plugins: own, cwd: folder.path })
}

test('what is printed says the same when it is read again', async () => {
  const before = await load(
    '[server]\nnames = ["a", "b"]\n[limits]\nclaim_s = 5\n[log]\nlevel = "warn"\n',
    builtInPlugins,
  )
  const after = await load(printConfig(before, builtInPlugins).join('\n'), builtInPlugins)
  expect(after.core).toEqual(before.core)
  expect(after.plugins).toEqual(before.plugins)
})

test('the file of defaults changes nothing, commented out or not', async () => {
  const none = await load('', builtInPlugins)
  const lines = printDefaults(builtInPlugins)
  expect(await load(lines.join('\n'), builtInPlugins)).toMatchObject({ core: none.core })
  // Only lines with a key are uncommented; descriptions stay comments.
  const active = lines.map((line) => line.replace(/^# ([\w-]+ = (["[{\d-]|true|false))/, '$1'))
  const set = await load(active.join('\n'), builtInPlugins)
  expect(set.core).toEqual(none.core)
  expect(set.plugins).toEqual(none.plugins)
  expect(
    Object.values(set.origins).filter((origin) => origin !== 'default').length,
  ).toBeGreaterThan(20)
})

test('each value is printed with its meaning and its origin', async () => {
  const lines = printConfig(await load('[sample]\nsite = "north"\n', plugins), plugins)
  const at = lines.indexOf('site = "north"  # slipway.toml:2')
  expect(lines[at - 1]).toBe('# name of the site')
  expect(lines).toContain('level = "info"  # default')
})

test('secrets are shown as set, wherever they stand', async () => {
  const config = await load(
    [
      '[sample]\nsite = "https://ada:canary-1@example.com/?api_token=canary-2&x=1"',
      'accounts = { ci = { user = "ci", password = "canary-3" } }',
      '[webhook]\nsecret = "canary-4"\n[store]\nauth_token = "canary-5"',
      '[auth]\njwt_hs256_secret = "canary-6-canary-6-canary-6-canary-6"',
      'jwt_ed25519_public_key_file = "/etc/key.pem"',
    ].join('\n'),
    plugins,
  )
  const text = printConfig(config, plugins).join('\n')
  const document = configDocument(config, plugins)
  expect(text + JSON.stringify(document)).not.toContain('canary')
  expect(document.settings['webhook.secret']?.value).toBe(HIDDEN)
  expect(document.settings['webhook.secret_old']?.value).toBe('')
  expect(document.settings['auth.jwt_ed25519_public_key_file']?.value).toBe('/etc/key.pem')
  expect(document.settings['sample.accounts']?.value).toEqual({
    ci: { user: 'ci', password: HIDDEN },
  })
})

test('every key of the product has a meaning and a variable of its own', () => {
  const settings = settingsOfPlugins(builtInPlugins)
  expect(settings.filter(({ description }) => description === '').map(({ key }) => key)).toEqual([])
  expect(new Set(settings.map(({ variable }) => variable)).size).toBe(settings.length)
  // What is of no simple kind can only be set by TOML in an environment variable: lists of rules, no more.
  const rules = ['oci.retention', 'oci.immutable', 'oci.quotas']
  expect(settings.filter(({ kind }) => kind === 'other').map(({ key }) => key)).toEqual(rules)
})
