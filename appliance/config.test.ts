// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { Fault } from '../core/faults.ts'
import { temporaryFolder } from './cli/test-bed.ts'
import { type ConfigSources, type LoadedConfig, loadConfig } from './config.ts'

const plugins = [
  {
    name: 'sample-bmc',
    config: v.strictObject({
      mode: v.optional(v.picklist(['fast', 'careful']), 'fast'),
      pins: v.optional(v.record(v.string(), v.string()), {}),
      api_key: v.optional(v.pipe(v.string(), v.minLength(4)), 'none'),
      sizes: v.optional(v.array(v.number()), []),
      image: v.optional(
        v.pipe(
          v.string(),
          v.check((text) => text !== 'x', 'is no path'),
        ),
        '',
      ),
    }),
  },
]

type Change = Partial<Omit<ConfigSources, 'plugins'>>

async function load(toml: string | undefined, change: Change = {}): Promise<LoadedConfig> {
  await using folder = await temporaryFolder()
  if (toml !== undefined) await writeFile(join(folder.path, 'slipway.toml'), toml)
  return await loadConfig({ env: {}, flags: [], plugins, cwd: folder.path, ...change })
}

/** The sentences of what is wrong. */
async function problems(toml: string, change: Change = {}): Promise<readonly string[]> {
  const error = await load(toml, change).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof Fault)) throw new Error('the configuration was accepted', { cause: error })
  return error.details ? error.details.map(({ message }) => message) : [error.message]
}

test('without a file everything has its default', async () => {
  const { core, plugins: own, source, origins } = await load(undefined)
  expect(source).toBeUndefined()
  expect(core.server.https).toBe(':8443')
  expect(own).toEqual({
    'sample-bmc': { mode: 'fast', pins: {}, api_key: 'none', sizes: [], image: '' },
  })
  expect(new Set(Object.values(origins))).toEqual(new Set(['default']))
})

test('the file is read, and each key knows its line', async () => {
  const {
    core,
    plugins: own,
    source,
    origins,
  } = await load(
    '[server]\nhttps = ":9443"\n\n[sample-bmc]\nmode = "careful"\npins = { a = "1" }\n',
  )
  expect(source).toBe('slipway.toml')
  expect(core.server).toMatchObject({ https: ':9443', bmc_http: ':8080' })
  expect(own['sample-bmc']).toMatchObject({ mode: 'careful', pins: { a: '1' } })
  expect(origins).toMatchObject({
    'server.https': 'slipway.toml:2',
    'server.bmc_http': 'default',
    'sample-bmc.mode': 'slipway.toml:5',
  })
})

test.each([
  [
    'a misspelt table and key',
    '\n[servr]\nhtps = ":1"',
    'unknown key `servr.htps` at slipway.toml:3:1; did you mean `server.https`?',
  ],
  [
    'a misspelt key',
    '[jobs]\n  concurency = 1',
    'unknown key `jobs.concurency` at slipway.toml:2:3; did you mean `jobs.concurrency`?',
  ],
  [
    'a key in the wrong table',
    '[jobs]\nclaim_s = 1',
    'unknown key `jobs.claim_s` at slipway.toml:2:1; did you mean `limits.claim_s`?',
  ],
  [
    'a key of no table',
    'level = "info"',
    'unknown key `level` at slipway.toml:1:1; did you mean `log.level`?',
  ],
  [
    'an unknown table without keys',
    '[sampel-bmc]',
    'unknown table `sampel-bmc` at slipway.toml:1:2; did you mean `sample-bmc`?',
  ],
  [
    'a key of a table that nothing is like',
    '[registry]\nfolder = "/x"',
    'unknown key `registry.folder` at slipway.toml:2:1; there is no table `registry` (`slipway config print` lists all)',
  ],
  [
    'a value that a rule of its own denies',
    '[sample-bmc]\nimage = "x"',
    '`sample-bmc.image` at slipway.toml:2:1: is no path',
  ],
  [
    'a dotted key',
    'server.htps = ":1"',
    'unknown key `server.htps` at slipway.toml:1:1; did you mean `server.https`?',
  ],
  [
    'an inline table',
    'jobs = { concurency = 3 }',
    'unknown key `jobs.concurency` at slipway.toml:1:10; did you mean `jobs.concurrency`?',
  ],
  [
    'a text for a number',
    '[limits]\nclaim_s = "soon"',
    '`limits.claim_s` at slipway.toml:2:1: expected a number, got a string',
  ],
  [
    'a number for a text',
    '[server]\nhttps = 8443',
    '`server.https` at slipway.toml:2:1: expected a string, got a number',
  ],
  [
    'a text for a switch',
    '[webhook]\nplain = "yes"',
    '`webhook.plain` at slipway.toml:2:1: expected true or false, got a string',
  ],
  [
    'a text for a list',
    '[server]\nnames = "a"',
    '`server.names` at slipway.toml:2:1: expected a list of strings, got a string',
  ],
  [
    'a member of another kind',
    '[server]\nnames = ["a", 3]',
    '`server.names[1]` at slipway.toml:2:1: expected a string, got a number',
  ],
  [
    'a value for a table',
    'server = 3',
    '`server` at slipway.toml:1:1: expected a table, got a number',
  ],
  [
    'a word that is not of the list',
    '[log]\nlevel = "inof"',
    '`log.level` at slipway.toml:2:1: expected one of "debug", "info", "warn", "error"; did you mean "info"?',
  ],
  [
    'a number out of range',
    '[limits]\nclaim_s = 0',
    '`limits.claim_s` at slipway.toml:2:1: expected at least 1',
  ],
  [
    'a text of another form',
    '[server]\nhttps = "nowhere"',
    '`server.https` at slipway.toml:2:1: expected host:port, :port, or "" to switch it off',
  ],
  [
    'a form that says must',
    '[report]\nbase_url = ["https://a", "ftp://b"]',
    '`report.base_url[1]` at slipway.toml:2:1: must begin with http:// or https://',
  ],
])('%s is named with its place', async (_, toml, sentence) => {
  expect(await problems(toml)).toEqual([sentence])
})

test('all problems are told at once', async () => {
  const change = { env: { SLIPWAY_LOG_LVEL: 'x' }, flags: ['jobs.concurrency=many', 'log.x=1'] }
  const all = await problems('[servr]\na = 1\n[limits]\nclaim_s = "x"\n', change)
  expect(all).toHaveLength(5)
  expect(all).toContain(
    'unknown environment variable `SLIPWAY_LOG_LVEL`; did you mean `SLIPWAY_LOG_LEVEL`?',
  )
  expect(all).toContain('`jobs.concurrency` in --set: expected a number')
})

test('plugins from outside are refused by name', async () => {
  const [sentence] = await problems('[[plugins]]\npath = "x.ts"\n')
  expect(sentence).toContain('`[[plugins]]` at slipway.toml:1:3: this version loads no plugins')
})

test('what is no TOML is told by its place, and nothing of it is quoted', async () => {
  const [sentence, ...more] = await problems('[webhook]\nsecret = "canary-7f"x\n')
  expect(more).toEqual([])
  expect(sentence).toMatch(/^slipway\.toml:2:\d+ is not valid TOML: /)
  expect(sentence).not.toContain('canary')
})

test.each([
  ['a secret of the wrong kind', '[webhook]\nsecret = ["canary-7f"]'],
  ['a secret that is too short', '[sample-bmc]\napi_key = "c7f"'],
  ['a secret in the wrong key', '[log]\nlevel = "canary-7f"'],
  ['a secret in an unknown key', '[webhook]\nsekrit = "canary-7f"'],
])('%s is not repeated', async (_, toml) => {
  const told = (await problems(toml)).join('\n')
  expect(told).not.toContain('canary-7f')
  expect(told).not.toContain('"c7f"')
})

test.each([
  ['text', { SLIPWAY_SERVER_HTTPS: ':1' }, 'server', 'https', ':1'],
  ['empty text', { SLIPWAY_SERVER_HTTPS: '' }, 'server', 'https', ''],
  ['a number', { SLIPWAY_LIMITS_CLAIM_S: '3_600' }, 'limits', 'claim_s', 3_600],
  ['a switch', { SLIPWAY_WEBHOOK_PLAIN: 'true' }, 'webhook', 'plain', true],
  ['a list', { SLIPWAY_SERVER_NAMES: 'a, b,' }, 'server', 'names', ['a', 'b']],
  [
    'one or a list',
    { SLIPWAY_REPORT_BASE_URL: 'https://a,https://b' },
    'report',
    'base_url',
    ['https://a', 'https://b'],
  ],
  ['a list of numbers', { SLIPWAY_SAMPLE_BMC_SIZES: '1,2' }, 'sample-bmc', 'sizes', [1, 2]],
  ['a table', { SLIPWAY_SAMPLE_BMC_PINS: '{ a = "b" }' }, 'sample-bmc', 'pins', { a: 'b' }],
] as const)('the environment sets %s', async (_, env, table, key, value) => {
  const { core, plugins: own, origins } = await load('[server]\nhttps = ":9"\n', { env })
  const all = { ...core, ...own } as Record<string, Record<string, unknown>>
  expect(all[table]?.[key]).toEqual(value)
  expect(origins[`${table}.${key}`]).toBe(Object.keys(env)[0] ?? '')
})

test('flags go before the environment, and that before the file', async () => {
  const env = { SLIPWAY_LOG_LEVEL: 'warn', SLIPWAY_JOBS_CONCURRENCY: '2' }
  const flags = ['log.level=debug', 'log.level=error']
  const { core, origins } = await load('[log]\nlevel = "info"\n[jobs]\nconcurrency = 1\n', {
    env,
    flags,
  })
  expect(core.log.level).toBe('error')
  expect(core.jobs.concurrency).toBe(2)
  expect(origins).toMatchObject({
    'log.level': '--set',
    'jobs.concurrency': 'SLIPWAY_JOBS_CONCURRENCY',
  })
})

test('variables that are not ours to judge are left alone', async () => {
  const env = {
    SLIPWAY_URL: 'x',
    SLIPWAY_TOKEN_FILE: 'x',
    SLIPWAY_SERVICE_HOST: '10.0.0.1',
    SLIPWAY_PORT_8443_TCP_ADDR: '10.0.0.1',
    SLIPWAY: 'x',
    SLIPWAYS_LOG_LEVEL: 'x',
  }
  expect((await load(undefined, { env })).origins['log.level']).toBe('default')
})

test('a file that was asked for must be there', async () => {
  await expect(load(undefined, { path: 'none.toml' })).rejects.toThrow(
    /cannot read the configuration .*none\.toml/,
  )
  await expect(load(undefined, { env: { SLIPWAY_CONFIG: '/none.toml' } })).rejects.toThrow(
    '/none.toml',
  )
})

test('--config goes before $SLIPWAY_CONFIG, and that before ./slipway.toml', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'etc'))
  const write = (name: string, level: string) =>
    writeFile(join(folder.path, name), `[log]\nlevel = "${level}"\n`)
  await write('slipway.toml', 'debug')
  await write('etc/env.toml', 'warn')
  await write('etc/flag.toml', 'error')
  const env = { SLIPWAY_CONFIG: 'etc/env.toml' }
  const level = async (sources: Change) =>
    (await loadConfig({ env: {}, flags: [], plugins, cwd: folder.path, ...sources })).core.log.level
  expect(await level({})).toBe('debug')
  expect(await level({ env })).toBe('warn')
  expect(await level({ env, path: 'etc/flag.toml' })).toBe('error')
})
