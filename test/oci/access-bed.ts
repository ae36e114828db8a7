// SPDX-License-Identifier: AGPL-3.0-or-later
/** A registry with users, asked as clients ask it: login by login, without a socket. */
import type { RunningAppliance } from '../harness.ts'
import {
  digestOf,
  freshBytes,
  indexOf,
  type Json,
  jsonBytes,
  manifestOf,
  TYPES,
} from './content.ts'

export const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

export const PASSWORD = 'a long password'

export interface Told {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: stories look into answers as a client would
  readonly json: any
  /** Codes of an OCI error body. */
  readonly codes: readonly string[]
}

export interface AskParts {
  readonly authorization?: string
  readonly body?: Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
}

/** An image as it lies in a repository. */
export interface Image {
  readonly digest: string
  readonly config: string
  readonly layer: string
}

export interface AccessBed {
  /** Without `authorization` as nobody. */
  ask(method: string, path: string, parts?: AskParts): Promise<Told>
  addUser(name: string, role: string, groups?: readonly string[]): Promise<string>
  /** By the admin. */
  pushBlob(repository: string, bytes?: Uint8Array<ArrayBuffer>): Promise<string>
  pushImage(repository: string, tag: string, layer?: Uint8Array<ArrayBuffer>): Promise<Image>
  /** An index over images of the same repository. */
  pushIndex(repository: string, tag: string, images: readonly Image[]): Promise<string>
  /** `GET` of the token endpoint; the JSON of its answer. */
  token(authorization: string | undefined, ...scopes: string[]): Promise<string>
}

const mustBe = (wanted: number, { status, json }: Told) => {
  if (status !== wanted) throw new Error(`${status} instead of ${wanted}: ${JSON.stringify(json)}`)
}

export function accessBed(running: RunningAppliance): AccessBed {
  const admin = `Bearer ${running.adminToken}`
  const bed: AccessBed = {
    async ask(method, path, { authorization, body, headers } = {}) {
      const response = await running.appliance.apps.api.request(path, {
        method,
        headers: { ...headers, ...(authorization ? { Authorization: authorization } : {}) },
        ...(body === undefined ? {} : { body }),
      })
      const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
      const text = await response.text()
      const json = isJson && text !== '' ? JSON.parse(text) : undefined
      const errors: readonly { code: string }[] = json?.errors ?? []
      const codes = errors.map(({ code }) => code)
      return { status: response.status, headers: response.headers, json, codes }
    },
    async addUser(name, role, groups = []) {
      const body = JSON.stringify({ name, role, groups, password: PASSWORD })
      mustBe(201, await bed.ask('POST', '/api/v1/users', { authorization: admin, body }))
      return basic(name, PASSWORD)
    },
    async pushBlob(repository, bytes = freshBytes()) {
      const begun = await bed.ask('POST', `/v2/${repository}/blobs/uploads/`, {
        authorization: admin,
      })
      mustBe(202, begun)
      const digest = digestOf(bytes)
      const put = await bed.ask('PUT', `${begun.headers.get('location')}?digest=${digest}`, {
        ...{ authorization: admin, body: bytes },
        headers: { 'Content-Length': `${bytes.byteLength}` },
      })
      mustBe(201, put)
      return digest
    },
    async pushImage(repository, tag, layer = freshBytes()) {
      const config = freshBytes()
      const pushed = { config: await bed.pushBlob(repository, config), layer: '' }
      pushed.layer = await bed.pushBlob(repository, layer)
      return { ...pushed, digest: await put(repository, tag, manifestOf(config, [layer])) }
    },
    pushIndex: (repository, tag, images) => {
      const children = images.map(({ digest }) => ({ mediaType: TYPES.image, digest, size: 400 }))
      return put(repository, tag, indexOf(children), TYPES.index)
    },
    async token(authorization, ...scopes) {
      const query = new URLSearchParams(scopes.map((scope): [string, string] => ['scope', scope]))
      const parts = authorization === undefined ? {} : { authorization }
      const got = await bed.ask('GET', `/v2/token?${query}`, parts)
      mustBe(200, got)
      return `Bearer ${got.json.token}`
    },
  }

  async function put(repository: string, tag: string, manifest: Json, type: string = TYPES.image) {
    const body = jsonBytes(manifest)
    const headers = { 'Content-Type': type, 'Content-Length': `${body.byteLength}` }
    const path = `/v2/${repository}/manifests/${tag}`
    mustBe(201, await bed.ask('PUT', path, { authorization: admin, body, headers }))
    return digestOf(body)
  }
  return bed
}
