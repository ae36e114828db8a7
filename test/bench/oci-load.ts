// SPDX-License-Identifier: AGPL-3.0-or-later
/** Loads on a registry: large blobs by curl, many small ones from here, reads by wrk. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../binary/executable.ts'
import { digestOf, freshBytes, jsonBytes, manifestOf, TYPES } from '../oci/content.ts'
import { basicOf, type Login } from '../oci/servers.ts'

export interface Target {
  readonly origin: string
  readonly login?: Login
}

const environment = { PATH: process.env['PATH'] ?? '' }
export const headersOf = ({ login }: Target): Readonly<Record<string, string>> =>
  login ? { Authorization: basicOf(login) } : {}
const userOf = ({ login }: Target) => (login ? ['-u', `${login.name}:${login.password}`] : [])

/** A file of noise, of which each use changes the head: no two pushes send the same blob. */
export interface Source {
  readonly path: string
  readonly sizeBytes: number
  /** Changes it, and resolves with its digest. */
  next(): Promise<string>
}

export async function makeSource(folder: string, name: string, sizeBytes: number): Promise<Source> {
  const path = join(folder, name)
  const noise = freshBytes(1 << 20)
  const file = await open(path, 'w')
  for (let at = 0; at < sizeBytes; at += noise.length) {
    // A counter in each piece: a file system that folds equal blocks must not help.
    new DataView(noise.buffer).setUint32(0, at / noise.length)
    await file.write(noise, 0, Math.min(noise.length, sizeBytes - at))
  }
  await file.close()
  return {
    path,
    sizeBytes,
    async next() {
      const head = await open(path, 'r+')
      await head.write(freshBytes(64), 0, 64, 4)
      await head.close()
      const hash = new Bun.CryptoHasher('sha256')
      for await (const piece of Bun.file(path).stream()) hash.update(piece)
      return `sha256:${hash.digest('hex')}`
    },
  }
}

async function begin(target: Target, repository: string): Promise<string> {
  const response = await fetch(`${target.origin}/v2/${repository}/blobs/uploads/`, {
    method: 'POST',
    headers: headersOf(target),
  })
  const location = response.headers.get('location')
  if (response.status !== 202 || !location) {
    throw new Error(`no upload at ${target.origin}: ${response.status}`)
  }
  return new URL(location, target.origin).href
}

async function curl(what: string, args: readonly string[], expected: readonly string[]) {
  const command = ['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', ...args]
  const { code, stdout, stderr } = await run(command, { cwd: '/', env: environment })
  if (code !== 0 || !expected.includes(stdout)) throw new Error(`${what}: ${stdout} ${stderr}`)
}

/** POST, then one PUT of the whole file. */
export async function pushFile(
  target: Target,
  repository: string,
  { path }: Source,
  digest: string,
): Promise<void> {
  const location = await begin(target, repository)
  const url = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`
  const type = ['-H', 'Content-Type: application/octet-stream', '-H', 'Expect:']
  await curl('push', [...userOf(target), ...type, '-T', path, url], ['201'])
}

export const pullBlob = (target: Target, repository: string, digest: string): Promise<void> =>
  curl('pull', [...userOf(target), `${target.origin}/v2/${repository}/blobs/${digest}`], ['200'])

/** Blobs or manifests that were made before the clock starts. */
interface Small {
  readonly digest: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

const smallBlobs = (count: number): readonly Small[] =>
  Array.from({ length: count }, () => {
    const bytes = freshBytes(1_024)
    return { bytes, digest: digestOf(bytes) }
  })

/** Sends each with so many at a time. Resolves with how many a second. */
async function rate<T>(
  items: readonly T[],
  atOnce: number,
  send: (item: T) => Promise<void>,
): Promise<number> {
  const queue = items.values()
  const started = performance.now()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of queue) await send(item)
    }),
  )
  return items.length / ((performance.now() - started) / 1_000)
}

async function put(
  target: Target,
  url: string,
  body: Uint8Array<ArrayBuffer>,
  type: string,
): Promise<void> {
  const response = await fetch(url, {
    method: 'PUT',
    body,
    headers: { ...headersOf(target), 'Content-Type': type },
  })
  await response.arrayBuffer()
  if (response.status !== 201) throw new Error(`PUT: ${response.status} ${url}`)
}

const AT_ONCE = 8

/** Blobs of 1 KiB pushed a second: POST, then PUT, as clients do. */
export function blobPushRate(target: Target, repository: string, count: number): Promise<number> {
  return rate(smallBlobs(count), AT_ONCE, async ({ digest, bytes }) => {
    const location = await begin(target, repository)
    const url = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`
    await put(target, url, bytes, 'application/octet-stream')
  })
}

/** Manifests pushed a second, each under a tag of its own. */
export async function manifestPushRate(
  target: Target,
  repository: string,
  count: number,
): Promise<number> {
  const config = freshBytes(512)
  const location = await begin(target, repository)
  const query = `${location.includes('?') ? '&' : '?'}digest=${digestOf(config)}`
  await put(target, `${location}${query}`, config, 'application/octet-stream')
  const manifests = Array.from({ length: count }, (_, at) => {
    const annotations = { at: String(at), run: Bun.randomUUIDv7() }
    return { tag: `t${at}`, bytes: jsonBytes({ ...manifestOf(config, []), annotations }) }
  })
  return rate(manifests, AT_ONCE, ({ tag, bytes }) =>
    put(target, `${target.origin}/v2/${repository}/manifests/${tag}`, bytes, TYPES.image),
  )
}

/** Answers a second by wrk, from 16 connections; throws when one of them was no success. */
export async function readRate(
  target: Target,
  path: string,
  parts: { readonly seconds: number; readonly folder: string },
): Promise<number> {
  const accept = ['-H', `Accept: ${TYPES.image}, */*`]
  const headers = Object.entries(headersOf(target)).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ])
  const command = ['wrk', '-t1', '-c16', `-d${parts.seconds}s`]
  const { code, stdout, stderr } = await run(
    [...command, ...headers, ...accept, `${target.origin}${path}`],
    { cwd: parts.folder, env: environment },
  )
  if (code !== 0 || /Non-2xx|Socket errors/.test(stdout)) {
    throw new Error(`wrk ${path}: ${stdout} ${stderr}`)
  }
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN)
}
