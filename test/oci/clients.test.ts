// SPDX-License-Identifier: AGPL-3.0-or-later
/** Clients that people have, against an appliance that runs as a process of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clients, createClients, loginCommands, storeFlags } from './clients.ts'
import { digestOf, freshBytes } from './content.ts'
import { type GoToolName, goToolAvailable } from './go-tools.ts'
import { basicOf, type RegistryServer, startOlareg, startSlipway } from './servers.ts'

const GO_CLIENTS: readonly GoToolName[] = ['oras', 'crane', 'regctl']
const hasGo = GO_CLIENTS.every(goToolAvailable)
/** With Go absent its clients can be neither fetched nor built. */
const withGo = hasGo ? describe : describe.skip
const goSkip = hasGo ? '' : ' (skipped: there is no Go to build oras, crane and regctl)'
/** Building three programs takes minutes when nothing is cached. */
const BUILD_MS = 600_000
const CLIENT_MS = 60_000

let folder: string
let server: RegistryServer
let clients: Clients
let host: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-clients-'))
  const dataDir = join(folder, 'data')
  const other = process.env['SLIPWAY_JUDGE_URL'] !== undefined
  server = await (other ? startOlareg : startSlipway)({ dataDir, built: false })
  host = new URL(server.origin).host
  clients = await createClients(join(folder, 'home'), hasGo ? GO_CLIENTS : [])
  if (hasGo)
    await clients.run(['regctl', 'registry', 'set', host, '--tls', 'disabled', '--skip-check'])
  if (!server.login) return
  for (const [name, command] of Object.entries(loginCommands(host, server.login))) {
    if (hasGo || !GO_CLIENTS.some((each) => each === name)) {
      await clients.run(command, server.login.password)
    }
  }
}, BUILD_MS)
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const run = (...command: string[]) => clients.run(command)
const lines = (text: string) => text.split('\n').filter((line) => line !== '')

/** An image of one layer, made by buildah from nothing. Resolves with its name in the local store. */
async function builtImage(name: string, bytes: Uint8Array): Promise<string> {
  const buildah = (...args: string[]) => run('buildah', ...storeFlags(clients.home), ...args)
  const file = await clients.file(`${name}.bin`, bytes)
  const container = await buildah('from', 'scratch')
  await buildah('add', container, file, '/payload.bin')
  await buildah('config', '--label', `test=${name}`, container)
  await buildah('commit', '--format', 'oci', container, name)
  await buildah('rm', container)
  return name
}

describe('skopeo, podman and buildah', () => {
  test(
    'buildah pushes an image, podman pulls it, and the layer is the same',
    async () => {
      const store = storeFlags(clients.home)
      const payload = freshBytes(300_000)
      const image = await builtImage('built', payload)
      const remote = `${host}/os/built:1`
      await run('buildah', ...store, 'push', '--tls-verify=false', image, `docker://${remote}`)
      await run('podman', ...store, 'rmi', '-f', image)
      await run('podman', ...store, 'pull', '--tls-verify=false', remote)
      const saved = join(clients.home, 'saved')
      await run('podman', ...store, 'save', '--format', 'oci-dir', '-o', saved, remote)
      const inspected = JSON.parse(await run('podman', ...store, 'inspect', remote))
      expect(inspected[0].Labels.test).toBe('built')
    },
    CLIENT_MS,
  )

  test(
    'podman pushes what it compresses on the way, as zstd and as Docker’s type',
    async () => {
      const store = storeFlags(clients.home)
      for (const flags of [
        ['--compression-format', 'zstd', '--format', 'oci'],
        ['--compression-format', 'gzip', '--format', 'v2s2'],
      ]) {
        // Other bytes for each: podman remembers how it compressed a layer last time.
        const image = await builtImage(
          `packed-${flags[1]}`,
          new Uint8Array(400_000).fill(flags[1] === 'zstd' ? 7 : 8),
        )
        const remote = `${host}/os/packed:${flags[1]}`
        await run('podman', ...store, 'push', '--tls-verify=false', ...flags, image, remote)
        const raw = JSON.parse(
          await run('skopeo', 'inspect', '--tls-verify=false', '--raw', `docker://${remote}`),
        )
        expect(raw.layers[0].mediaType).toContain(flags[3] === 'oci' ? 'oci' : 'docker')
      }
    },
    CLIENT_MS,
  )

  test(
    'podman pushes a manifest list and finds repositories by search',
    async () => {
      const store = storeFlags(clients.home)
      const image = await builtImage('listed', freshBytes(1_000))
      await run(
        'podman',
        ...store,
        'manifest',
        'create',
        'many',
        `containers-storage:localhost/${image}:latest`,
      )
      const push = ['manifest', 'push', '--all', '--tls-verify=false', 'many']
      await run('podman', ...store, ...push, `docker://${host}/os/many:1`)
      const raw = JSON.parse(
        await run('skopeo', 'inspect', '--tls-verify=false', '--raw', `docker://${host}/os/many:1`),
      )
      expect(raw.manifests).toHaveLength(1)
      if (process.env['SLIPWAY_JUDGE_URL']) return
      const found = await run('podman', ...store, 'search', '--tls-verify=false', `${host}/os/many`)
      expect(found).toContain(`${host}/os/many`)
    },
    CLIENT_MS,
  )

  test(
    'skopeo copies in, across, out, and deletes',
    async () => {
      const image = await builtImage('copied', freshBytes(50_000))
      const store = storeFlags(clients.home)
      const layout = `oci:${join(clients.home, 'copied-layout')}:1`
      await run('buildah', ...store, 'push', image, layout)
      const from = `docker://${host}/a/copied:1`
      const to = `docker://${host}/b/copied:2`
      await run('skopeo', 'copy', '--dest-tls-verify=false', layout, from)
      await run('skopeo', 'copy', '--src-tls-verify=false', '--dest-tls-verify=false', from, to)
      const inspect = async (reference: string) =>
        JSON.parse(await run('skopeo', 'inspect', '--tls-verify=false', reference))
      expect((await inspect(to)).Digest).toBe((await inspect(from)).Digest)
      const tags = await run(
        'skopeo',
        'list-tags',
        '--tls-verify=false',
        `docker://${host}/b/copied`,
      )
      expect(JSON.parse(tags).Tags).toEqual(['2'])
      const out = join(clients.home, 'copied-out')
      await run('skopeo', 'copy', '--src-tls-verify=false', to, `dir:${out}`)
      expect(digestOf(await readFile(join(out, 'manifest.json')))).toBe((await inspect(to)).Digest)
      await run('skopeo', 'delete', '--tls-verify=false', to)
      const gone = await clients.attempt(['skopeo', 'inspect', '--tls-verify=false', to])
      expect(gone.stderr).toMatch(/manifest unknown|not found/i)
      expect((await inspect(from)).Digest).toStartWith('sha256:')
    },
    CLIENT_MS,
  )

  test(
    'curl goes on with a download that broke off',
    async () => {
      const bytes = freshBytes(2_000_000)
      const digest = digestOf(bytes)
      const login = server.login ? { Authorization: basicOf(server.login) } : {}
      const pushed = await fetch(`${server.origin}/v2/curl/x/blobs/uploads/?digest=${digest}`, {
        method: 'POST',
        body: bytes,
        headers: login,
      })
      expect(pushed.status).toBe(201)
      const part = await clients.file('part', bytes.subarray(0, 777_777))
      const user = server.login ? ['-u', `${server.login.name}:${server.login.password}`] : []
      const url = `${server.origin}/v2/curl/x/blobs/${digest}`
      await run('curl', '-sf', ...user, '-C', '-', '-o', part, url)
      expect(digestOf(await readFile(part))).toBe(digest)
    },
    CLIENT_MS,
  )
})

withGo(`oras, crane and regctl${goSkip}`, () => {
  test(
    'oras pushes, attaches, discovers, pulls and copies an artifact with all that points at it',
    async () => {
      const bytes = freshBytes(100_000)
      await clients.file('disk.img', bytes)
      await clients.file('disk.sig', 'signature of disk')
      const remote = `${host}/t/os:1`
      const type = ['--artifact-type', 'application/vnd.example.disk']
      await run('oras', 'push', '--plain-http', ...type, remote, 'disk.img')
      const signature = ['--artifact-type', 'application/vnd.example.signature']
      await run('oras', 'attach', '--plain-http', ...signature, remote, 'disk.sig')
      const found = JSON.parse(
        await run('oras', 'discover', '--plain-http', '--format', 'json', remote),
      )
      expect(found.referrers ?? found.manifests).toHaveLength(1)
      await run('oras', 'pull', '--plain-http', '-o', 'pulled', remote)
      expect(digestOf(await readFile(join(clients.home, 'pulled/disk.img')))).toBe(digestOf(bytes))
      await run('oras', 'cp', '-r', '--from-plain-http', remote, '--to-oci-layout', 'layout:1')
      const local = ['discover', '--oci-layout', '--format', 'json', 'layout:1']
      const copied = JSON.parse(await run('oras', ...local))
      expect(copied.referrers ?? copied.manifests).toHaveLength(1)
      const plain = ['--from-plain-http', '--to-plain-http']
      await run('oras', 'cp', '-r', ...plain, remote, `${host}/t/mirror:1`)
      expect(lines(await run('oras', 'repo', 'tags', '--plain-http', `${host}/t/mirror`))).toEqual([
        '1',
      ])
    },
    CLIENT_MS,
  )

  test(
    'oras lists repositories and deletes manifests and blobs',
    async () => {
      await clients.file('gone.txt', `gone ${Bun.randomUUIDv7()}`)
      const remote = `${host}/gone/x:1`
      await run('oras', 'push', '--plain-http', remote, 'gone.txt')
      if (!process.env['SLIPWAY_JUDGE_URL']) {
        expect(lines(await run('oras', 'repo', 'ls', '--plain-http', host))).toContain('gone/x')
      }
      const manifest = JSON.parse(await run('oras', 'manifest', 'fetch', '--plain-http', remote))
      const digest = await run('oras', 'resolve', '--plain-http', remote)
      await run('oras', 'manifest', 'delete', '--plain-http', '-f', `${host}/gone/x@${digest}`)
      const [layer] = manifest.layers
      await run('oras', 'blob', 'delete', '--plain-http', '-f', `${host}/gone/x@${layer.digest}`)
      const again = ['oras', 'manifest', 'fetch', '--plain-http', remote]
      expect((await clients.attempt(again)).code).not.toBe(0)
    },
    CLIENT_MS,
  )

  test(
    'crane appends, copies, tags, validates, lists and deletes an image',
    async () => {
      const layer = await clients.file('layer/hello.txt', `hello ${Bun.randomUUIDv7()}`)
      await run('tar', '-C', join(layer, '..'), '-cf', 'layer.tar', 'hello.txt')
      const remote = `${host}/c/one:1`
      await run('crane', 'append', '--oci-empty-base', '-f', 'layer.tar', '-t', remote)
      await run('crane', 'copy', remote, `${host}/c/two:1`)
      await run('crane', 'tag', `${host}/c/two:1`, 'latest')
      expect(await run('crane', 'digest', `${host}/c/two:latest`)).toBe(
        await run('crane', 'digest', remote),
      )
      await run('crane', 'validate', '--remote', `${host}/c/two:latest`)
      expect(lines(await run('crane', 'ls', `${host}/c/two`))).toEqual(['1', 'latest'])
      if (!process.env['SLIPWAY_JUDGE_URL']) {
        expect(lines(await run('crane', 'catalog', host))).toEqual(
          expect.arrayContaining(['c/one', 'c/two']),
        )
      }
      await run('crane', 'export', `${host}/c/two:1`, 'out.tar')
      expect(await run('tar', '-xOf', 'out.tar', 'hello.txt')).toStartWith('hello ')
      await run('crane', 'delete', `${host}/c/two:1`)
      expect((await clients.attempt(['crane', 'digest', `${host}/c/two:1`])).code).not.toBe(0)
    },
    CLIENT_MS,
  )

  test(
    'regctl puts a blob in small chunks, and attaches, copies and lists artifacts',
    async () => {
      const chunks = ['--blob-chunk', '10000', '--blob-max', '10000']
      await run('regctl', 'registry', 'set', host, '--tls', 'disabled', '--skip-check', ...chunks)
      const bytes = freshBytes(95_000)
      const file = await clients.file('chunked.bin', bytes)
      const remote = `${host}/g/one:1`
      const type = ['--artifact-type', 'application/vnd.example.disk']
      await run('regctl', 'artifact', 'put', ...type, '-f', file, remote)
      const signature = ['--artifact-type', 'application/vnd.example.signature']
      await clients.run(['regctl', 'artifact', 'put', ...signature, '--subject', remote], 'signed')
      const got = await run(
        'regctl',
        'artifact',
        'list',
        '--format',
        '{{len .Descriptors}}',
        remote,
      )
      expect(got).toBe('1')
      await run('regctl', 'image', 'copy', '--referrers', remote, `${host}/g/two:1`)
      const list = ['artifact', 'list', '--format', '{{len .Descriptors}}', `${host}/g/two:1`]
      expect(await run('regctl', ...list)).toBe('1')
      expect(lines(await run('regctl', 'tag', 'ls', `${host}/g/two`))).toContain('1')
      const manifest = JSON.parse(
        await run('regctl', 'manifest', 'get', '--format', 'raw-body', remote),
      )
      expect(manifest.layers[0].digest).toBe(digestOf(bytes))
      await run('regctl', 'tag', 'delete', `${host}/g/two:1`)
      expect(
        (await clients.attempt(['regctl', 'manifest', 'head', `${host}/g/two:1`])).code,
      ).not.toBe(0)
    },
    CLIENT_MS,
  )

  test(
    'signatures under cosign’s tags are found by them',
    async () => {
      await clients.file('app.txt', `app ${Bun.randomUUIDv7()}`)
      const remote = `${host}/s/app`
      await run('oras', 'push', '--plain-http', `${remote}:1`, 'app.txt')
      const digest = await run('oras', 'resolve', '--plain-http', `${remote}:1`)
      const tag = `${digest.replace(':', '-')}.sig`
      await clients.file('app.sig', 'signed')
      await run('oras', 'push', '--plain-http', `${remote}:${tag}`, 'app.sig')
      expect(lines(await run('crane', 'ls', remote)).sort()).toEqual(['1', tag])
      const manifest = JSON.parse(await run('crane', 'manifest', `${remote}:${tag}`))
      expect(await run('crane', 'blob', `${remote}@${manifest.layers[0].digest}`)).toBe('signed')
    },
    CLIENT_MS,
  )
})

describe('logins', () => {
  const cases = ['skopeo', 'podman', 'buildah', 'oras', 'crane', 'regctl'] as const
  test.each(cases.filter((name) => hasGo || !GO_CLIENTS.some((go) => go === name)))(
    '%s is refused with a wrong password',
    async (name) => {
      if (!server.login) return
      const own = await createClients(join(folder, `wrong-${name}`), hasGo ? GO_CLIENTS : [])
      if (hasGo)
        await own.run(['regctl', 'registry', 'set', host, '--tls', 'disabled', '--skip-check'])
      const { code, stderr, stdout } = await own.attempt(
        loginCommands(host, server.login)[name],
        'wrong',
      )
      // crane keeps what it is told and finds out at the next call.
      if (name === 'crane') expect((await own.attempt(['crane', 'catalog', host])).code).not.toBe(0)
      else
        expect({ code, said: /401|unauthorized|invalid/i.test(stderr + stdout) }).toEqual({
          code: expect.any(Number),
          said: true,
        })
    },
    CLIENT_MS,
  )
})

describe('logins by token', () => {
  let tokens: RegistryServer
  let own: Clients
  let at: string
  beforeAll(async () => {
    const set = ['oci.auth=token']
    tokens = await startSlipway({ dataDir: join(folder, 'tokens'), built: false, set })
    at = new URL(tokens.origin).host
    own = await createClients(join(folder, 'token-home'), hasGo ? GO_CLIENTS : [])
    await own.file('file.txt', 'by token')
  }, CLIENT_MS)
  afterAll(() => tokens?.[Symbol.asyncDispose]())
  const login = (name: keyof ReturnType<typeof loginCommands>) => {
    if (!tokens.login) throw new Error('the appliance has no login')
    return own.run(loginCommands(at, tokens.login)[name], tokens.login.password)
  }

  test(
    'skopeo, podman and buildah push and pull with tokens',
    async () => {
      const [store, image] = [
        storeFlags(clients.home),
        await builtImage('token', freshBytes(9_000)),
      ]
      const layout = `oci:${join(own.home, 'layout')}:1`
      await run('buildah', ...store, 'push', image, layout)
      await login('skopeo')
      await own.run(['skopeo', 'copy', '--dest-tls-verify=false', layout, `docker://${at}/k/a:1`])
      const plain = ['--src-tls-verify=false', '--dest-tls-verify=false']
      await own.run(['skopeo', 'copy', ...plain, `docker://${at}/k/a:1`, `docker://${at}/k/b:1`])
      await login('podman')
      const podman = ['podman', ...storeFlags(own.home)]
      await own.run([...podman, 'pull', '--tls-verify=false', `${at}/k/b:1`])
      await own.run([...podman, 'push', '--tls-verify=false', `${at}/k/b:1`, `${at}/k/c:1`])
      await login('buildah')
      const buildah = ['buildah', ...storeFlags(own.home)]
      await own.run([
        ...buildah,
        'push',
        '--tls-verify=false',
        `${at}/k/b:1`,
        `docker://${at}/k/d:1`,
      ])
      const tags = ['skopeo', 'list-tags', '--tls-verify=false', `docker://${at}/k/d`]
      expect(JSON.parse(await own.run(tags)).Tags).toEqual(['1'])
    },
    CLIENT_MS,
  )

  test.skipIf(!hasGo)(
    'oras, crane and regctl push, copy, list and mount with tokens',
    async () => {
      await login('oras')
      await own.run(['oras', 'push', '--plain-http', `${at}/o/a:1`, 'file.txt'])
      const plain = ['--from-plain-http', '--to-plain-http']
      await own.run(['oras', 'cp', ...plain, `${at}/o/a:1`, `${at}/o/b:1`])
      expect(lines(await own.run(['oras', 'repo', 'ls', '--plain-http', at]))).toContain('o/b')
      await login('crane')
      await own.run(['crane', 'copy', `${at}/o/b:1`, `${at}/o/c:1`])
      expect(lines(await own.run(['crane', 'catalog', at]))).toContain('o/c')
      await own.run(['regctl', 'registry', 'set', at, '--tls', 'disabled', '--skip-check'])
      await login('regctl')
      await own.run(['regctl', 'image', 'copy', `${at}/o/c:1`, `${at}/o/d:1`])
      const digests = [`${at}/o/a:1`, `${at}/o/d:1`].map((each) =>
        own.run(['crane', 'digest', each]),
      )
      expect(new Set(await Promise.all(digests)).size).toBe(1)
    },
    CLIENT_MS,
  )
})

/** Debian's `faketime` would stay between us and the appliance, which then outlives it. */
const [faketime] = new Bun.Glob('/usr/lib/*/faketime/libfaketimeMT.so.1').scanSync('/')
const noFaketime = faketime ? '' : ' (skipped: faketime is not installed)'

/** Go reads the clock where nothing can be put before it: it is the appliance's that is wrong here. */
describe('a machine whose clock is not ours', () => {
  test.skipIf(noFaketime !== '').each([
    ['behind', '+3650d'],
    ['ahead', '-3650d'],
  ])(
    `logs in, pulls and pushes with tokens, ten years %s${noFaketime}`,
    async (word, shift) => {
      const dataDir = join(folder, `clock-${word}`)
      const under = ['env', `LD_PRELOAD=${faketime}`, `FAKETIME=${shift}`]
      const set = ['oci.auth=token']
      await using server = await startSlipway({ dataDir, built: false, set, under })
      const said = (await fetch(server.origin)).headers.get('date') ?? ''
      expect(Math.abs(Date.parse(said) - Date.now())).toBeGreaterThan(9 * 365 * 86_400_000)
      if (!server.login) throw new Error('the appliance has no login')
      const at = new URL(server.origin).host
      const own = await createClients(join(folder, `clock-home-${word}`), [])
      const image = await builtImage(`clock-${word}`, freshBytes(9_000))
      const layout = `oci:${join(own.home, 'layout')}:1`
      await run('buildah', ...storeFlags(clients.home), 'push', image, layout)
      const logins = loginCommands(at, server.login)
      await own.run(logins.skopeo, server.login.password)
      await own.run(['skopeo', 'copy', '--dest-tls-verify=false', layout, `docker://${at}/k/a:1`])
      await own.run(logins.podman, server.login.password)
      const pull = ['pull', '--tls-verify=false', `${at}/k/a:1`]
      await own.run(['podman', ...storeFlags(own.home), ...pull])
    },
    CLIENT_MS,
  )
})

/** Where the folder of a repository is, in the data of the appliance. */
const repositoryFolder = (name: string) => join(server.dataDir, 'oci/repos', name)

describe('a repository’s folder is an OCI layout while the server runs', () => {
  test(
    'skopeo reads an image from it',
    async () => {
      if (process.env['SLIPWAY_JUDGE_URL']) return
      const image = await builtImage('laid', freshBytes(10_000))
      const remote = `docker://${host}/laid/out:1`
      const push = ['push', '--tls-verify=false', image, remote]
      await run('buildah', ...storeFlags(clients.home), ...push)
      const local = `oci:${repositoryFolder('laid/out')}:1`
      const inspect = async () => clients.attempt(['skopeo', 'inspect', '--raw', local])
      const deadline = performance.now() + 10_000
      let read = await inspect()
      // index.json is written a moment after the push.
      while (read.code !== 0 && performance.now() < deadline) read = await inspect()
      expect(read.stderr).toBe('')
      expect(read.stdout).toBe(
        await run('skopeo', 'inspect', '--tls-verify=false', '--raw', remote),
      )
    },
    CLIENT_MS,
  )

  test.skipIf(!hasGo)(
    'oras lists its tags and copies from it',
    async () => {
      if (process.env['SLIPWAY_JUDGE_URL']) return
      await clients.file('lay.txt', `lay ${Bun.randomUUIDv7()}`)
      await run('oras', 'push', '--plain-http', `${host}/lay/er:1,two`, 'lay.txt')
      const at = repositoryFolder('lay/er')
      const tags = async () =>
        (await clients.attempt(['oras', 'repo', 'tags', '--oci-layout', at])).stdout
      const deadline = performance.now() + 10_000
      while (lines(await tags()).length < 2 && performance.now() < deadline) await Bun.sleep(50)
      expect(lines(await tags()).sort()).toEqual(['1', 'two'])
      await run('oras', 'cp', '--from-oci-layout', `${at}:1`, '--to-oci-layout', 'from-layout:1')
      await run('oras', 'pull', '--oci-layout', '-o', 'laid', 'from-layout:1')
      expect(await readFile(join(clients.home, 'laid/lay.txt'), 'utf8')).toStartWith('lay ')
    },
    CLIENT_MS,
  )
})
