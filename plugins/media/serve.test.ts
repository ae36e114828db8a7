// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, describe, expect, test } from 'bun:test'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { createField, type FieldTls, openField } from '../../appliance/field.ts'
import type { Sighting } from '../../core/hooks.ts'
import type { Job } from '../../core/jobs/job.ts'
import { createLog } from '../../core/log.ts'
import type { MediaImage } from '../../core/media.ts'
import { KiB, MiB } from '../../core/units.ts'
import { createEvidence } from './evidence.ts'
import { createMediaServer, MEDIA_PREFIX, PIECE_BYTES } from './serve.ts'
import { createTokenLookup } from './token-lookup.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const MODIFIED = Date.UTC(2026, 10, 22, 9, 30, 15, 250)
const MODIFIED_TEXT = 'Sun, 22 Nov 2026 09:30:15 GMT'
const folder = mkdtempSync(join(tmpdir(), 'slipway-media-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** An image of which no two stretches are alike, of two files that lie inside larger ones. */
function sampleImage(name: string, sizeBytes: number): { bytes: Buffer; image: MediaImage } {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4))
  for (let at = 0; at < words.length; at++) words[at] = Math.imul(at + 1, 2_654_435_761)
  const whole = Buffer.from(words.buffer, 0, sizeBytes)
  const cut = Math.floor(sizeBytes / 3)
  const files = [join(folder, `${name}-1`), join(folder, `${name}-2`)] as const
  writeFileSync(files[0], Buffer.concat([Buffer.from('before'), whole.subarray(0, cut)]))
  writeFileSync(files[1], Buffer.concat([whole.subarray(cut), Buffer.from('after')]))
  const segments = [
    { file: files[0], start: 6, length: cut },
    { file: files[1], start: 0, length: sizeBytes - cut },
  ]
  const image = { sizeBytes, etag: '"v1"', modifiedAt: MODIFIED, segments, regions: [] }
  return { bytes: whole, image }
}

const boot = sampleImage('boot', 300 * KiB + 7)

async function startMedia(image: MediaImage = boot.image, tls?: FieldTls) {
  const job = { id: 'job-1', launches: 1, powerOnBegunAt: null } as Job
  const published = {
    slot: 'boot',
    name: 'boot.iso',
    driveUri: '/cd',
    imageUrl: '',
    image,
  } as const
  const state = { valid: true, lookups: 0 }
  const lines: string[] = []
  const sightings: Sighting[] = []
  const tokens = createTokenLookup(
    {
      async byMediaToken(token) {
        state.lookups++
        return token === TOKEN && state.valid ? { job, images: [published] } : undefined
      },
    },
    Date.now,
  )
  const log = createLog('debug', { write: (line) => void lines.push(line) })
  const evidence = createEvidence({ see: (sighting) => sightings.push(sighting), now: Date.now })
  const server = createMediaServer({ tokens, evidence, log })
  const field = createField()
  const responses: ServerResponse[] = []
  field.raw(MEDIA_PREFIX, (request, response) => {
    responses.push(response)
    server.handle(request, response)
  })
  const limits = { closeMs: 10 }
  const listen = '127.0.0.1:0'
  const open = await openField({ listen, field, log, limits, ...(tls ? { tls } : {}) })
  return {
    port: open.port,
    responses,
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${open.port}/media/t/${TOKEN}/boot.iso`,
    sightings,
    lines,
    state,
    revoke() {
      state.valid = false
      tokens.changed(job.id)
      server.cut(job.id)
    },
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  }
}

const get = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(url, { method, headers, keepalive: false })

/** Sends text as it stands; gives back what came until the server closed. */
function talk(port: number, text: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })
}

/** Head and body of the first response in `bytes`, by its Content-Length. */
function parted(bytes: Buffer) {
  const split = bytes.indexOf('\r\n\r\n') + 4
  const head = bytes.toString('latin1', 0, split)
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
  return {
    head,
    length,
    body: bytes.subarray(split, split + length),
    rest: bytes.subarray(split + length),
  }
}

async function until(condition: () => boolean) {
  for (const deadline = Date.now() + 4_000; !condition(); await Bun.sleep(5)) {
    if (Date.now() > deadline) throw new Error('waited in vain')
  }
}

/** Of a key made for this test alone. */
async function selfSigned(place: string): Promise<FieldTls> {
  const [key, cert] = [join(place, 'key.pem'), join(place, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const names = ['-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=media']
  const made = Bun.spawnSync(['openssl', 'req', '-x509', ...curve, ...names])
  if (made.exitCode !== 0) throw new Error(made.stderr.toString())
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

const openFiles = (path: string) =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path)
    } catch {
      return false
    }
  }).length

/** Bytes that this process has read from files and sockets so far. */
const bytesReadByUs = () => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])

describe('what a BMC gets', () => {
  test('the whole image, with length, tag and date, neither chunked nor compressed', async () => {
    await using media = await startMedia()
    const answer = await get(media.url, { 'accept-encoding': 'gzip, br, zstd' })
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-length': String(boot.bytes.length),
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      etag: '"v1"',
      'last-modified': MODIFIED_TEXT,
    })
    expect(answer.headers.has('transfer-encoding')).toBe(false)
    expect(answer.headers.has('content-encoding')).toBe(false)
    expect(Buffer.from(await answer.arrayBuffer()).equals(boot.bytes)).toBe(true)
  })

  test('HEAD: the same headers, no body, also for a range', async () => {
    await using media = await startMedia()
    for (const range of ['', 'Range: bytes=0-9\r\n']) {
      const text = `HEAD /media/t/${TOKEN}/boot.iso HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${range}\r\n`
      const { head, length, body } = parted(await talk(media.port, text))
      expect(head).toStartWith('HTTP/1.1 200 OK\r\n')
      expect([length, body.length]).toEqual([boot.bytes.length, 0])
    }
  })

  const size = boot.bytes.length
  test.each<[string, number, string]>([
    ['bytes=0-0', 206, '0-0'],
    ['bytes=2048-4095', 206, '2048-4095'],
    ['bytes=-2048', 206, `${size - 2048}-${size - 1}`],
    ['bytes=307000-', 206, `307000-${size - 1}`],
    ['bytes=0-99999999', 206, `0-${size - 1}`],
    ['bytes=102000-103000', 206, '102000-103000'],
    ['bytes=9999999-', 416, '*'],
    ['bytes=9-3', 200, ''],
    ['lines=1-2', 200, ''],
  ])('Range: %s answers %d', async (range, status, given) => {
    await using media = await startMedia()
    const answer = await get(media.url, { range })
    const body = Buffer.from(await answer.arrayBuffer())
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-length')).toBe(String(body.length))
    expect(answer.headers.get('content-range')).toBe(given ? `bytes ${given}/${size}` : null)
    const [first, last] = given === '' ? [0, size - 1] : given.split('-').map(Number)
    const expected = given === '*' ? Buffer.alloc(0) : boot.bytes.subarray(first, Number(last) + 1)
    expect(body.equals(expected)).toBe(true)
  })

  test('several ranges: parts in the order asked for, and a length that is right to the byte', async () => {
    await using media = await startMedia()
    const answer = await get(media.url, { range: 'bytes=200000-200999,0-9,-5' })
    const body = Buffer.from(await answer.arrayBuffer())
    expect(answer.status).toBe(206)
    expect(answer.headers.get('content-length')).toBe(String(body.length))
    expect(answer.headers.get('content-type')).toStartWith('multipart/byteranges; boundary=')
    const slices = [boot.bytes.subarray(200000, 201000), boot.bytes.subarray(0, 10)]
    const places = slices.map((slice) => body.indexOf(slice))
    expect(places).toEqual(places.filter((place) => place > 0).toSorted((a, b) => a - b))
  })

  test.each([
    ['If-Range with another tag', { range: 'bytes=0-9', 'if-range': '"v0"' }, 200, size],
    ['If-Range with our tag', { range: 'bytes=0-9', 'if-range': '"v1"' }, 206, 10],
    ['If-None-Match with our tag', { 'if-none-match': '"v1"' }, 304, 0],
    ['If-Match with another tag', { 'if-match': '"v0"' }, 412, 0],
  ])('%s answers %o with %d on the wire', async (_name, headers, status, length) => {
    await using media = await startMedia()
    const answer = await get(media.url, headers as unknown as Record<string, string>)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('etag')).toBe('"v1"')
    expect(answer.headers.has('transfer-encoding')).toBe(false)
    expect((await answer.arrayBuffer()).byteLength).toBe(length)
  })

  test('an image that can not be read is a 500 and no stump; the log holds no token', async () => {
    const lost = {
      ...boot.image,
      segments: [{ file: join(folder, 'lost'), start: 0, length: size }],
    }
    await using media = await startMedia(lost)
    expect((await get(media.url)).status).toBe(500)
    expect(media.lines.join()).toContain('an image could not be read')
    expect(media.lines.join()).not.toContain(TOKEN)
  })

  test('an image that ends too early breaks the connection: the BMC must not take it for whole', async () => {
    const [first] = boot.image.segments
    const short = { ...boot.image, segments: [{ file: first?.file ?? '', start: 0, length: size }] }
    await using media = await startMedia(short)
    const answer = await get(media.url)
    await expect(answer.arrayBuffer()).rejects.toThrow()
  })
})

describe('how it speaks', () => {
  const request = (version: string, ...headers: string[]) =>
    `${['GET', `/media/t/${TOKEN}/boot.iso`, `HTTP/${version}`].join(' ')}\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`

  test('HTTP/1.0 without Host, with and without a range', async () => {
    await using media = await startMedia()
    const whole = parted(await talk(media.port, request('1.0')))
    expect(whole.head).not.toMatch(/transfer-encoding/i)
    expect(whole.head).toMatch(/connection: close/i)
    expect(whole.body.equals(boot.bytes)).toBe(true)
    expect(whole.rest).toHaveLength(0)
    const part = parted(await talk(media.port, request('1.0', 'Range: bytes=10-19')))
    expect(part.body.equals(boot.bytes.subarray(10, 20))).toBe(true)
  })

  test('one connection carries HEAD and ranges after each other, until it is asked to close', async () => {
    await using media = await startMedia()
    const text = [
      request('1.1', 'Host: x').replace('GET', 'HEAD'),
      request('1.1', 'Host: x', 'Range: bytes=0-2047'),
      request('1.1', 'Host: x', 'Range: bytes=2048-4095', 'Connection: close'),
    ].join('')
    const all = await talk(media.port, text)
    const headEnd = all.indexOf('\r\n\r\n') + 4
    const first = parted(all.subarray(headEnd))
    const second = parted(first.rest)
    expect(Buffer.concat([first.body, second.body]).equals(boot.bytes.subarray(0, 4096))).toBe(true)
    expect(second.head).toMatch(/connection: close/i)
    expect(second.rest).toHaveLength(0)
  })

  test('a query is overlooked', async () => {
    await using media = await startMedia()
    expect((await get(`${media.url}?id=7&x`, { range: 'bytes=0-3' })).status).toBe(206)
  })

  test.each([
    ['another token', `/media/t/${'f'.repeat(32)}/boot.iso`],
    ['a token in capitals', `/media/t/${TOKEN.toUpperCase()}/boot.iso`],
    ['half a token', `/media/t/${TOKEN.slice(16)}/boot.iso`],
    ['another file', `/media/t/${TOKEN}/task.iso`],
    ['no file', `/media/t/${TOKEN}/`],
    ['no token', '/media/t//boot.iso'],
    ['only the prefix', '/media/'],
    ['dots', `/media/t/${TOKEN}/../${TOKEN}/boot.iso`],
    ['escaped dots', `/media/t/${TOKEN}/%2e%2e/${TOKEN}/boot.iso`],
    ['two slashes', `/media//t/${TOKEN}/boot.iso`],
    ['an escaped slash', `/media/t/${TOKEN}%2fboot.iso`],
    ['an escaped letter', `/media/t/${TOKEN}/boot%2Eiso`],
    ['a slash behind', `/media/t/${TOKEN}/boot.iso/`],
    ['a NUL', `/media/t/${TOKEN}/boot.iso%00`],
    ['a fragment', `/media/t/${TOKEN}/boot.iso#`],
  ])('%s is 404 without a hint', async (_name, path) => {
    await using media = await startMedia()
    const { head, length } = parted(
      await talk(media.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    )
    expect(head).toStartWith('HTTP/1.1 404 ')
    expect(length).toBe(0)
    expect(media.sightings).toEqual([])
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is 405', async (method) => {
    await using media = await startMedia()
    const answer = await get(media.url, {}, method)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect(media.sightings).toEqual([])
  })

  test.skipIf(!Bun.which('curl'))(
    'curl gets what the file holds, by ranges and whole',
    async () => {
      await using media = await startMedia()
      const curl = async (...args: string[]) =>
        Buffer.from(
          await new Response(Bun.spawn(['curl', '-sS', ...args, media.url]).stdout).arrayBuffer(),
        )
      expect((await curl()).equals(boot.bytes)).toBe(true)
      expect((await curl('--http1.0')).equals(boot.bytes)).toBe(true)
      expect((await curl('-r', '102395-102405')).equals(boot.bytes.subarray(102395, 102406))).toBe(
        true,
      )
      expect((await curl('-r', '-9')).equals(boot.bytes.subarray(-9))).toBe(true)
      expect((await curl('-I')).toString()).toContain(`Length: ${size}`)
    },
  )

  const size = boot.bytes.length

  test('a hundred readers at once get their own bytes, and one question is asked of the store', async () => {
    await using media = await startMedia()
    await get(media.url, {}, 'HEAD')
    const results = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const start = (index * 2_999) % (size - 50_000)
        const answer = await get(media.url, { range: `bytes=${start}-${start + 49_999}` })
        const body = Buffer.from(await answer.arrayBuffer())
        return body.equals(boot.bytes.subarray(start, start + 50_000))
      }),
    )
    expect(results.every(Boolean)).toBe(true)
    expect(media.state.lookups).toBe(1)
  })
})

describe('large images', () => {
  const large = sampleImage('large', 64 * MiB)

  test('a reader that stops makes us stop, and no file stays open when it leaves', async () => {
    await using media = await startMedia(large.image)
    const before = bytesReadByUs()
    const socket = connect(media.port, '127.0.0.1')
    socket.write(`GET /media/t/${TOKEN}/boot.iso HTTP/1.1\r\nHost: x\r\n\r\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.pause()
    let last = -1
    for (let still = 0; still < 10; await Bun.sleep(10)) {
      const now = bytesReadByUs()
      still = now - last < 20_000 ? still + 1 : 0
      last = now
    }
    // The kernel's buffers of both ends take a few MiB.
    expect(last - before).toBeLessThan(24 * MiB)
    expect(openFiles(join(folder, 'large'))).toBe(1)
    socket.destroy()
    await until(() => openFiles(join(folder, 'large')) === 0)
    const said = media.sightings.at(-1)?.bytes ?? 0
    expect(said).toBeLessThanOrEqual(last - before)
  })

  test('an end in the middle ends the reading, and what had gone out is told', async () => {
    await using media = await startMedia(large.image)
    const stop = new AbortController()
    const answer = await fetch(media.url, { signal: stop.signal })
    let received = 0
    for await (const chunk of answer.body ?? []) {
      received += chunk.byteLength
      if (received > 8 * MiB) break
    }
    stop.abort()
    await until(() => openFiles(join(folder, 'large')) === 0)
    await until(() => (media.sightings.at(-1)?.bytes ?? 0) >= 6 * MiB)
    expect(media.sightings.at(-1)?.bytes).toBeLessThan(64 * MiB)
  })

  test('the end of the token ends the response under way, and every later one is 404', async () => {
    await using media = await startMedia(large.image)
    const answer = await get(media.url)
    const reader = answer.body?.getReader()
    await reader?.read()
    media.revoke()
    const drain = async () => {
      while (!(await reader?.read())?.done);
    }
    await expect(drain()).rejects.toThrow()
    expect((await get(media.url)).status).toBe(404)
  })

  test('the whole of it arrives, and the last sighting says 100 %', async () => {
    await using media = await startMedia(large.image)
    const bytes = Buffer.from(await (await get(media.url)).arrayBuffer())
    expect(bytes.equals(large.bytes)).toBe(true)
    await until(() => media.sightings.at(-1)?.percent === 100)
    expect(media.sightings.length).toBeLessThan(14)
  })

  /** A reader that takes a chunk, does something else, and takes the next. */
  async function readSlowly(media: Awaited<ReturnType<typeof startMedia>>, index: number) {
    const secure = media.url.startsWith('https')
    const socket = secure
      ? connectTls({ port: media.port, host: '127.0.0.1', rejectUnauthorized: false })
      : connect(media.port, '127.0.0.1')
    const start = index * 1_000_003
    const headers = `Host: x\r\nConnection: close\r\nRange: bytes=${start}-${start + 8 * MiB - 1}`
    socket.write(`GET /media/t/${TOKEN}/boot.iso HTTP/1.1\r\n${headers}\r\n\r\n`)
    const chunks: Buffer[] = []
    for await (const chunk of socket) {
      chunks.push(Buffer.from(chunk))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { body } = parted(Buffer.concat(chunks))
    return body.equals(large.bytes.subarray(start, start + 8 * MiB))
  }

  test.each(['http', 'https'])('slow readers by %s get the very bytes', async (scheme) => {
    const tls = scheme === 'https' ? await selfSigned(folder) : undefined
    await using media = await startMedia(large.image, tls)
    const same = await Promise.all([0, 1, 2, 3, 4, 5].map((index) => readSlowly(media, index)))
    expect(same).toEqual([true, true, true, true, true, true])
  })

  test.each(['http', 'https'])(
    'of readers by %s that stand still one piece each is queued, no more',
    async (scheme) => {
      const tls = scheme === 'https' ? await selfSigned(folder) : undefined
      await using media = await startMedia(large.image, tls)
      const readers = 40
      const sockets = Array.from({ length: readers }, () => {
        const socket = tls
          ? connectTls({ port: media.port, host: '127.0.0.1', rejectUnauthorized: false })
          : connect(media.port, '127.0.0.1')
        socket.write(`GET /media/t/${TOKEN}/boot.iso HTTP/1.1\r\nHost: x\r\n\r\n`)
        return socket.pause()
      })
      const queued = () => media.responses.map(({ writableLength }) => writableLength)
      const stalled = () =>
        media.responses.length === readers && queued().every((bytes) => bytes > 0)
      // In flow a queue is filled now and then: it must stand for a while.
      for (let still = 0, before = ''; still < 20; await Bun.sleep(5)) {
        const now = queued().join()
        still = stalled() && now === before ? still + 1 : 0
        before = now
      }
      expect(Math.max(...queued())).toBeLessThanOrEqual(PIECE_BYTES)
      for (const socket of sockets) socket.destroy()
      await until(() => openFiles(join(folder, 'large')) === 0)
    },
  )
})
