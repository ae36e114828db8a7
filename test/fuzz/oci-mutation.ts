// SPDX-License-Identifier: AGPL-3.0-or-later
/** Malformed calls of the registry: paths, digests, ranges, JSON, headers, chunked bodies. */
import { digestOf, freshBytes, jsonBytes, TYPES } from '../oci/content.ts'
import type { Chance } from './chance.ts'
import { mutateText, mutateValue } from './json-mutation.ts'

/** What is there to be shot at. */
export interface OciTargets {
  readonly repository: string
  readonly tag: string
  readonly manifest: string
  readonly blob: string
  /** Locations of uploads that are open. */
  readonly uploads: readonly string[]
  readonly image: Readonly<Record<string, unknown>>
}

export interface OciShot {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer> | undefined
  /** The body goes in HTTP chunks, without its length. */
  readonly chunked: boolean
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

const NAMES = [
  ...['UPPER', 'a..b', '', '%00', '%2e%2e', '..%2f..%2fetc', 'a//b', 'x'.repeat(300), 'é', '%ff'],
  ...['__proto__', 'constructor', 'a/manifests/b', 'blobs', 'uploads', "a'--", 'a%0d%0ab', '%'],
]

const DIGESTS = [
  ...['sha256:', 'sha256:x', 'sha512:00', 'md5:d41d8cd98f00b204e9800998ecf8427e', ':', 'sha256'],
  ...[`sha256:${'A'.repeat(64)}`, `sha256:${'0'.repeat(64)}`, `sha512:${'f'.repeat(128)}`],
  ...['sha256:../../etc/passwd', `sha256%3A${'1'.repeat(64)}`, `sha256:${'0'.repeat(63)}%00`],
]

const RANGES = [
  ...['bytes=', 'bytes=-', 'bytes=-0', 'bytes=5-2', 'bytes=0-0,-1', 'bytes=99999999999999999999-'],
  ...[
    'items=0-1',
    `bytes=${'0-1,'.repeat(500)}0-1`,
    'bytes=1e3-2e3',
    'bytes=0-18446744073709551616',
  ],
]
const CONTENT_RANGES = [
  ...[
    '0-',
    '-5',
    '5-2',
    'a-b',
    '0-0-0',
    '99999999999999999999-',
    'bytes 0-9/10',
    '0-9223372036854775807',
  ],
  ...['', '0-99', ' 0-9', '0x0-0x9', '²-³'],
]
const QUERIES = [
  ...[
    'n=-1',
    'n=1e9',
    'n=',
    'n=99999999999999999999',
    'last=%00',
    'last=%ff',
    `last=${'x'.repeat(5_000)}`,
  ],
  ...['digest=', 'digest=sha256:x', 'digest=a&digest=b', 'mount=x&from=y', 'mount=', 'from=%00'],
  ...[
    'digest-algorithm=md5',
    'digest-algorithm=',
    'tag=-x',
    'tag=%00&tag=a',
    'artifactType=%ff',
    'ns=%00',
  ],
]
const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ['Content-Type', ['', ';;', 'text/plain', `${TYPES.image};;`, 'x'.repeat(3_000), TYPES.index]],
  ['Accept', ['', '*/*;q=9', ',,,', `${'a/b,'.repeat(2_000)}`]],
  ['If-None-Match', ['*', '"', 'W/"', `${'"a",'.repeat(1_000)}`]],
  ['If-Range', ['"', 'W/"x"', 'yesterday']],
  ['Content-Encoding', ['gzip', 'identity, br']],
  ['X-Forwarded-Proto', ['https', 'javascript', '"']],
  ['X-Forwarded-Host', ['', 'a b', 'evil.test/x', '[::1']],
  [
    'Authorization',
    ['', 'Bearer', 'Bearer x.y.z', 'Basic !!!', 'Digest x', `Bearer ${'a'.repeat(9_000)}`],
  ],
  ['Docker-Upload-UUID', ['x', '../..']],
]

const once = (text: string, chance: Chance) => {
  const at = 1 + chance.int(text.length)
  const piece = chance.pick([
    '%00',
    '/',
    '//',
    '..',
    '%2f',
    ':',
    ';',
    '%',
    '?',
    '%0a',
    'Z',
    '-',
    '_',
  ])
  return text.slice(0, at) + piece + text.slice(at + chance.int(2))
}

function pathOf(targets: OciTargets, chance: Chance): string {
  const name = chance.once(4) ? chance.pick(NAMES) : targets.repository
  const digest = chance.once(2)
    ? chance.pick(DIGESTS)
    : chance.pick([targets.blob, targets.manifest])
  const reference = chance.pick([digest, targets.tag, 'none', chance.pick(NAMES)])
  const path = chance.pick([
    `/v2/${name}/manifests/${reference}`,
    `/v2/${name}/manifests/${reference}`,
    `/v2/${name}/blobs/${digest}`,
    `/v2/${name}/blobs/uploads/`,
    chance.pick([...targets.uploads, `/v2/${name}/blobs/uploads/${chance.pick(NAMES)}`]),
    `/v2/${name}/referrers/${digest}`,
    `/v2/${name}/tags/list`,
    '/v2/_catalog',
    '/v2/',
    '/v2/token',
  ])
  const spoiled = chance.once(4) ? once(path, chance) : path
  if (!chance.once(3)) return spoiled
  return `${spoiled}${spoiled.includes('?') ? '&' : '?'}${chance.pick(QUERIES)}`
}

const encoder = new TextEncoder()

function bodyOf({ image }: OciTargets, chance: Chance): Uint8Array<ArrayBuffer> {
  switch (chance.int(6)) {
    case 0:
      return new Uint8Array()
    case 1:
      return freshBytes(1 + chance.int(5_000))
    case 2:
      return new Uint8Array(Buffer.from(mutateText(JSON.stringify(image), chance)))
    case 3:
      return encoder.encode(`${'['.repeat(chance.int(20_000))}`)
    default:
      return jsonBytes(mutateValue(image, chance))
  }
}

function headersOf(chance: Chance): Record<string, string> {
  const headers: Record<string, string> = { 'Content-Type': TYPES.image }
  if (chance.once(3)) headers['Range'] = chance.pick(RANGES)
  if (chance.once(3)) headers['Content-Range'] = chance.pick(CONTENT_RANGES)
  if (chance.once(3)) {
    const [name, values] = chance.pick(HEADERS)
    headers[name] = chance.pick(values)
  }
  return headers
}

/** One malformed call; now and then a good one gets through, so that the store has something to do. */
export function ociShot(targets: OciTargets, chance: Chance): OciShot {
  const method = chance.pick(METHODS)
  const bare = method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
  const body = bare || chance.once(4) ? undefined : bodyOf(targets, chance)
  const path = pathOf(targets, chance)
  // One in eight uploads is told its true digest.
  const told =
    body && chance.once(8)
      ? `${path}${path.includes('?') ? '&' : '?'}digest=${digestOf(body)}`
      : path
  return { method, path: told, headers: headersOf(chance), body, chunked: chance.once(4) }
}
