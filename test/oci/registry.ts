// SPDX-License-Identifier: AGPL-3.0-or-later
/** The registry as its clients see it: over a socket, by HTTP alone. */
import { afterAll, beforeAll } from 'bun:test'
import { type RunningAppliance, startAppliance } from '../harness.ts'
import { digestOf, type Json, jsonBytes, manifestOf, TYPES } from './content.ts'
import { oddities } from './oddities.ts'

/** Judges another registry, at this origin without a login, instead of ours. */
const OTHER = process.env['SLIPWAY_JUDGE_URL']

export interface Reply {
  readonly status: number
  readonly headers: Headers
  /** Of the body: what a test compares, since a difference is readable then. */
  readonly digest: string
  /** The body. A function, so that a difference of two replies does not list each byte. */
  bytes(): Uint8Array<ArrayBuffer>
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: stories look into answers as a client would
  readonly json: any
  /** Codes of an OCI error body. */
  readonly codes: readonly string[]
}

export interface Call {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array>
  /** Without a login. */
  readonly anonymous?: boolean
}

/** A manifest as it lies in a repository. */
export interface Pushed {
  readonly digest: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly type: string
  readonly json: Json
}

export interface ImageParts {
  readonly tag?: string
  readonly algorithm?: string
  /** Laid over the manifest. */
  readonly over?: Json
}

export interface Registry {
  readonly origin: string
  /** `Authorization` of an admin; undefined when the registry asks for none. */
  readonly authorization: string | undefined
  /** Undefined when another registry is judged. */
  readonly running: RunningAppliance | undefined
  call(method: string, where: string, call?: Call): Promise<Reply>
  /** POST, then one PUT. Resolves with the digest. */
  pushBlob(repository: string, bytes: Uint8Array<ArrayBuffer>, algorithm?: string): Promise<string>
  putManifest(
    repository: string,
    reference: string,
    manifest: Json | Uint8Array<ArrayBuffer>,
    type?: string,
  ): Promise<Reply>
  /** A whole image with content of its own; by tag when there is one, or by digest. */
  pushImage(repository: string, parts?: ImageParts): Promise<Pushed>
  /** Begins an upload and resolves with its location. */
  begin(repository: string, query?: string): Promise<string>
}

/** A name that nobody used before. */
export const freshName = (prefix = 'r'): string =>
  `${prefix}/${Bun.randomUUIDv7().replaceAll('-', '').slice(8)}`

function replyOf(response: Response, bytes: Uint8Array<ArrayBuffer>): Reply {
  let json: Reply['json']
  try {
    json = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    json = undefined
  }
  const errors = Array.isArray(json?.errors) ? json.errors : []
  return {
    status: response.status,
    headers: response.headers,
    digest: digestOf(bytes),
    bytes: () => bytes,
    json,
    codes: errors.map((error: { code?: unknown }) => String(error.code)),
  }
}

/** As clients send it: some registries find no manifest without. */
const ACCEPT = [...Object.values(TYPES), '*/*'].join(', ')

/** Follows nothing, decodes nothing: what the server sent is what the test sees. */
export function registryAt(
  origin: string,
  authorization?: string,
  running?: RunningAppliance,
): Registry {
  const registry: Registry = {
    origin,
    authorization,
    running,
    async call(method, where, { headers, body, anonymous } = {}) {
      const login = authorization && !anonymous ? { Authorization: authorization } : {}
      const response = await fetch(new URL(where, origin), {
        method,
        headers: { Accept: ACCEPT, ...login, ...headers },
        redirect: 'manual',
        decompress: false,
        ...(body === undefined ? {} : { body }),
      })
      const reply = replyOf(response, new Uint8Array(await response.arrayBuffer()))
      oddities.look(method, where, reply)
      return reply
    },
    async pushBlob(repository, bytes, algorithm = 'sha256') {
      const digest = digestOf(bytes, algorithm)
      const { status, codes } = await registry.call(
        'PUT',
        withQuery(await registry.begin(repository), `digest=${digest}`),
        { body: bytes },
      )
      if (status !== 201) throw new Error(`blob ${digest}: ${status} ${codes.join()}`)
      return digest
    },
    putManifest(repository, reference, manifest, type) {
      const body = manifest instanceof Uint8Array ? manifest : jsonBytes(manifest)
      const stated = manifest instanceof Uint8Array ? undefined : manifest['mediaType']
      const contentType = type ?? (typeof stated === 'string' ? stated : TYPES.image)
      return registry.call('PUT', `/v2/${repository}/manifests/${reference}`, {
        body,
        headers: { 'Content-Type': contentType },
      })
    },
    async pushImage(repository, { tag, algorithm = 'sha256', over = {} } = {}) {
      const unique = Bun.randomUUIDv7()
      const config = jsonBytes({ architecture: 'amd64', os: 'linux', unique })
      const layer = new TextEncoder().encode(`layer ${unique}`)
      const json = { ...manifestOf(config, [layer], algorithm), ...over }
      await registry.pushBlob(repository, config, algorithm)
      await registry.pushBlob(repository, layer, algorithm)
      const bytes = jsonBytes(json)
      const digest = digestOf(bytes, algorithm)
      const type = String(json['mediaType'])
      const { status, codes } = await registry.putManifest(repository, tag ?? digest, bytes, type)
      if (status !== 201) throw new Error(`image ${digest}: ${status} ${codes.join()}`)
      return { digest, bytes, type, json }
    },
    async begin(repository, query = '') {
      const { status, headers, codes } = await registry.call(
        'POST',
        `/v2/${repository}/blobs/uploads/${query}`,
      )
      const location = headers.get('location')
      if (status !== 202 || !location) throw new Error(`no upload: ${status} ${codes.join()}`)
      return location
    },
  }
  return registry
}

/** Adds to a location that may carry a query already. */
export const withQuery = (location: string, query: string): string =>
  `${location}${location.includes('?') ? '&' : '?'}${query}`

const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

/** Makes a user of the appliance. Resolves with the header that logs in as that user. */
export async function addUser(
  running: RunningAppliance,
  name: string,
  role: 'viewer' | 'operator' | 'admin',
): Promise<string> {
  const password = `correct horse ${name}`
  const { status, body } = await running.send('POST', '/api/v1/users', { name, role, password })
  if (status !== 201) throw new Error(`no user: ${status} ${JSON.stringify(body)}`)
  return basic(name, password)
}

/** Where an appliance listens without TLS. */
export function plainOrigin(running: RunningAppliance): string {
  const open = running.listeners.open.find(({ name }) => name === 'local')
  if (!open) throw new Error('the appliance has no listener without TLS')
  return new URL(open.url).origin
}

/** One registry for a file of tests, opened before the first and closed after the last. */
export function useRegistry(set: readonly string[] = []): Registry {
  let opened: Registry | undefined
  beforeAll(async () => {
    oddities.clear()
    if (OTHER) {
      opened = registryAt(OTHER)
      return
    }
    const running = await startAppliance({ set: ['server.local=127.0.0.1:0', ...set] })
    const authorization = await addUser(running, 'pusher', 'admin')
    opened = registryAt(plainOrigin(running), authorization, running)
  })
  afterAll(() => opened?.running?.[Symbol.asyncDispose]())
  const open = () => {
    if (!opened) throw new Error('the registry opens before the first test')
    return opened
  }
  return {
    get origin() {
      return open().origin
    },
    get authorization() {
      return open().authorization
    },
    get running() {
      return open().running
    },
    call: (...parts) => open().call(...parts),
    pushBlob: (...parts) => open().pushBlob(...parts),
    putManifest: (...parts) => open().putManifest(...parts),
    pushImage: (...parts) => open().pushImage(...parts),
    begin: (...parts) => open().begin(...parts),
  }
}
