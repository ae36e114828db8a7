// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCertificates } from '../../core/certificates/certificates.ts'
import { EXIT } from './exit.ts'
import { fakeApi, refusal, slipway, temporaryFolder } from './test-bed.ts'

const noJobs = { 'GET /api/v1/jobs': () => ({ jobs: [] }) }
const token = { SLIPWAY_TOKEN: 'token-1' }

test.each([
  [400, 'invalid_request', EXIT.refused],
  [401, 'unauthorized', EXIT.unauthorized],
  [403, 'forbidden', EXIT.unauthorized],
  [404, 'not_found', EXIT.notFound],
  [409, 'conflict', EXIT.refused],
  [410, 'gone', EXIT.refused],
  [413, 'too_large', EXIT.refused],
  [429, 'rate_limited', EXIT.refused],
  [500, 'server_error', EXIT.failure],
  [502, 'unavailable', EXIT.failure],
  [503, 'unavailable', EXIT.failure],
])('a %d ends with the exit code of its kind', async (status, word, exit) => {
  using api = fakeApi({ 'GET /api/v1/jobs': () => refusal(status, word, `area.${word}`) })
  const { code, stdout, stderr } = await slipway(['job', 'list', '--url', api.url], { env: token })
  expect(code).toBe(exit)
  expect(stdout).toBe('')
  expect(stderr).toBe(`slipway: sentence of area.${word}\n  request request-1\n`)
})

test('details are told line by line; with --json the answer is on standard output', async () => {
  const details = [
    { path: '/recipe/a/0', field: 'recipe.a[0]', code: 'missing', message: 'is missing' },
    { path: '', field: '', code: 'x', message: 'something else' },
  ]
  using api = fakeApi({
    'GET /api/v1/jobs': () => refusal(400, 'invalid_recipe', 'recipe.invalid', { details }),
  })
  const line = ['job', 'list', '--url', api.url, '--json']
  const { code, stdout, stderr } = await slipway(line, { env: token })
  expect(code).toBe(EXIT.refused)
  expect(JSON.parse(stdout)).toEqual({
    error: 'invalid_recipe',
    code: 'recipe.invalid',
    message: 'sentence of recipe.invalid',
    request_id: 'request-1',
    details,
  })
  expect(stderr.split('\n').slice(0, 3)).toEqual([
    'slipway: sentence of recipe.invalid',
    '  recipe.a[0]: is missing',
    '  something else',
  ])
})

test('a caller without a login is told how to give one', async () => {
  using api = fakeApi({ 'GET /api/v1/jobs': () => refusal(401, 'unauthorized', 'auth.missing') })
  const { stderr } = await slipway(['job', 'list', '--url', api.url])
  expect(stderr).toContain('SLIPWAY_TOKEN')
  const refused = await slipway(['job', 'list', '--url', api.url], { env: token })
  expect(refused.stderr).not.toContain('SLIPWAY_TOKEN')
})

test('a server that is no appliance is told as that', async () => {
  using api = fakeApi({})
  const { code, stderr } = await slipway(['job', 'list', '--url', api.url], { env: token })
  expect(code).toBe(EXIT.notFound)
  expect(stderr).toContain('answered 404 Not Found, which is not the API of an appliance')
})

test('an appliance that is not there has an exit code of its own', async () => {
  const gone = fakeApi({})
  gone[Symbol.dispose]()
  const { code, stdout, stderr } = await slipway(['job', 'list', '--url', gone.url, '--json'])
  expect(code).toBe(EXIT.unreachable)
  expect(stderr).toContain(`cannot reach the appliance at ${gone.url}: nothing listens there`)
  expect(JSON.parse(stdout)).toMatchObject({ error: 'unavailable', code: 'cli.unreachable' })
})

test('a redirect is not followed: the token would go along', async () => {
  using thief = fakeApi(noJobs)
  using api = fakeApi({ 'GET /api/v1/jobs': () => Response.redirect(`${thief.url}/api/v1/jobs`) })
  const { code } = await slipway(['job', 'list', '--url', api.url], { env: token })
  expect(code).toBe(EXIT.failure)
  expect(thief.requests).toEqual([])
})

test('a proxy of the environment is not asked for the appliance of this box', async () => {
  using proxy = fakeApi({})
  using api = fakeApi(noJobs)
  const env = { ...token, HTTP_PROXY: proxy.url, http_proxy: proxy.url, NO_PROXY: 'example.com' }
  const { code } = await slipway(['job', 'list', '--url', api.url], { env })
  expect(code).toBe(EXIT.ok)
  expect(proxy.requests).toEqual([])
})

test.each([
  ['http://10.0.0.1:8081', 'would send the token in clear'],
  ['ftp://a', 'is not the URL of an appliance'],
  ['slipway.lab', 'is not the URL of an appliance'],
  ['https://ada:pw@slipway.lab', 'scheme, host and port only'],
  ['https://slipway.lab/api', 'scheme, host and port only'],
])('the URL %s is refused before anything is sent', async (url, message) => {
  const { code, stderr } = await slipway(['job', 'list', '--url', url], { env: token })
  expect(code).toBe(EXIT.usage)
  expect(stderr).toContain(message)
})

test('the login comes from where it was given, the nearest first', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'token')
  await writeFile(file, 'token-of-file\n')
  await writeFile(join(folder.path, 'admin.token'), 'token-of-box\n', { mode: 0o600 })
  using api = fakeApi(noJobs)
  const sent = async (args: readonly string[], env: Record<string, string>) => {
    await slipway(['job', 'list', '--url', api.url, ...args], { env })
    return api.requests.at(-1)?.headers.get('authorization')
  }
  expect(await sent([], {})).toBeNull()
  expect(await sent(['--data', folder.path], {})).toBe('Bearer token-of-box')
  expect(await sent(['--data', folder.path, '--token-file', file], {})).toBe('Bearer token-of-file')
  expect(await sent([], { SLIPWAY_TOKEN_FILE: file })).toBe('Bearer token-of-file')
  expect(await sent([], { SLIPWAY_USER: 'ada', SLIPWAY_PASSWORD: 'p:ä' })).toBe(
    `Basic ${Buffer.from('ada:p:ä').toString('base64')}`,
  )
  expect(await sent(['--token-file', file], token)).toBe('Bearer token-1')
})

test('a password that nobody can type is asked for by name', async () => {
  using api = fakeApi(noJobs)
  const { code, stderr } = await slipway(['job', 'list', '--url', api.url, '--user', 'ada'])
  expect(code).toBe(EXIT.unauthorized)
  expect(stderr).toContain('SLIPWAY_PASSWORD')
  expect(api.requests).toEqual([])
})

test('an admin token that others may read is not used', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'admin.token')
  await writeFile(file, 'token-of-box\n')
  await chmod(file, 0o644)
  using api = fakeApi(noJobs)
  const line = ['job', 'list', '--url', api.url, '--data', folder.path]
  const { code, stderr } = await slipway(line)
  expect(code).toBe(EXIT.failure)
  expect(stderr).toContain('chmod 600')
  expect(api.requests).toEqual([])
})

/** An API behind the appliance's own CA. */
async function overTls(dir: string) {
  const names = { names: () => [], ownNames: () => ['127.0.0.1'] }
  const { key, cert, caPem, caFingerprint } = await createCertificates({
    dir,
    now: Date.now,
    ...names,
  })
  const api = fakeApi({ ...noJobs, 'GET /api/v1/ca.pem': () => new Response(caPem) }, { key, cert })
  const caFile = join(dir, 'ca-of-api.pem')
  await writeFile(caFile, caPem)
  return { api, caFile, fingerprint: caFingerprint }
}

test('TLS: the CA decides, by file or by fingerprint, and nothing is sent without it', async () => {
  await using folder = await temporaryFolder()
  await using other = await temporaryFolder()
  const { api: server, caFile, fingerprint } = await overTls(folder.path)
  const { api: wrong, caFile: wrongCa } = await overTls(other.path)
  using api = server
  using _ = wrong
  const list = (...args: string[]) =>
    slipway(['job', 'list', '--url', api.url, ...args], { env: token })
  const authorized = () => api.requests.filter(({ headers }) => headers.has('authorization'))

  for (const args of [[], ['--ca', wrongCa], ['--fingerprint', fingerprint.replaceAll('1', '2')]]) {
    const { code, stderr } = await list(...args)
    expect(code).toBe(EXIT.unreachable)
    expect(stderr).toMatch(
      /signed by no CA known here|is not signed by the CA of|not the one given/,
    )
    expect(authorized()).toEqual([])
  }
  expect(await list('--ca', caFile)).toMatchObject({ code: EXIT.ok })
  expect(await list('--fingerprint', fingerprint.toLowerCase())).toMatchObject({ code: EXIT.ok })
  expect(authorized()).toHaveLength(2)
  const byName = await slipway(
    ['job', 'list', '--url', api.url.replace('127.0.0.1', 'localhost'), '--ca', caFile],
    { env: token },
  )
  expect(byName.code).toBe(EXIT.unreachable)
  expect(byName.stderr).toContain('server.names')
})

test('a profile keeps where, how and whom to believe', async () => {
  await using folder = await temporaryFolder()
  const { api: server, fingerprint } = await overTls(folder.path)
  using api = server
  const tokenFile = join(folder.path, 'lab.token')
  await writeFile(tokenFile, 'token-of-lab')
  await mkdir(join(folder.path, 'config'))
  const env = { XDG_CONFIG_HOME: join(folder.path, 'config') }
  const run = (...args: string[]) => slipway(args, { env })

  const flags = ['--url', api.url, '--token-file', tokenFile, '--fingerprint', fingerprint]
  expect(await run('profile', 'add', 'lab', ...flags)).toMatchObject({ code: 0, stderr: '' })
  const file = join(env.XDG_CONFIG_HOME, 'slipway', 'profiles.toml')
  expect(((await Bun.file(file).stat()).mode & 0o777).toString(8)).toBe('600')
  expect(await Bun.file(file).text()).not.toContain('token-of-lab')

  expect(await run('job', 'list')).toMatchObject({ code: 0 })
  expect(api.requests.at(-1)?.headers.get('authorization')).toBe('Bearer token-of-lab')
  expect((await run('profile', 'list')).stdout).toMatch(/\* +lab +https:/)

  const missing = await run('job', 'list', '--profile', 'lba')
  expect(missing).toMatchObject({ code: EXIT.notFound })
  expect(missing.stderr).toContain('did you mean `lab`?')
  expect(await run('profile', 'remove', 'lab')).toMatchObject({ code: 0 })
  expect(JSON.parse((await run('profile', 'list', '--json')).stdout)).toEqual({ profiles: [] })
})
