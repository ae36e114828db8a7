// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '../../core/log.ts'
import { MiB } from '../../core/units.ts'
import { version } from '../../core/version.ts'
import { writeSampleBootIso } from '../iso/index.ts'
import { takeConfiguredIso } from './configured-iso.ts'
import { createMaintenanceStore } from './maintenance-store.ts'

let folder: string
let iso: Buffer
let isoPath: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-configured-'))
  mkdirSync(join(folder, 'data'))
  isoPath = join(folder, 'maintenance.iso')
  iso = await makeIso(isoPath, 4 * MiB)
})
afterEach(() => rmSync(folder, { recursive: true }))

async function makeIso(path: string, sizeBytes: number) {
  await writeSampleBootIso(path, { sizeBytes })
  return readFileSync(path)
}
const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher('sha256').update(bytes).digest('hex')

/** One start of the appliance over `folder/data`; disposing it is the stop. */
async function boot(source: string, expected = '') {
  const data = join(folder, 'data')
  const store = createMaintenanceStore(data, Date.now, version)
  await store.open(async () => true)
  const lines: string[] = []
  const log = createLog('info', { write: (line) => void lines.push(line) })
  const stop = new AbortController()
  const configured = takeConfiguredIso({
    ...{ source, sha256: expected, folder: data, store, log, pauseMs: 5 },
    signal: stop.signal,
  })
  return {
    store,
    lines,
    configured,
    current: async () => (await store.current())?.sha256,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await configured.done
      expect(readdirSync(data).filter((name) => name.startsWith('incoming-'))).toEqual([])
    },
  }
}

/** A web server of files; `seen` has every request. */
async function web(listener: RequestListener) {
  const seen: Pick<IncomingMessage, 'url' | 'headers'>[] = []
  const server = createServer((request, response) => {
    seen.push({ url: request.url ?? '', headers: request.headers })
    listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  return {
    seen,
    host,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('a configured file', () => {
  test('is taken at the first start and left alone at the next', async () => {
    {
      await using first = await boot(isoPath)
      expect(first.configured.missing()).toContain('still being imported')
      await first.configured.done
      expect(first.configured.missing()).toBeUndefined()
      expect(await first.store.current()).toMatchObject({ sha256: sha256(iso), source: isoPath })
    }
    const importedAt = (await (await boot('')).store.current())?.importedAt
    await using second = await boot(isoPath)
    await second.configured.done
    expect(second.configured.missing()).toBeUndefined()
    expect((await second.store.current())?.importedAt).toBe(importedAt ?? -1)
    expect(second.lines).toEqual([])
  })

  test.each<[string, () => Promise<Uint8Array>]>([
    ['its size', () => makeIso(isoPath, 5 * MiB)],
    [
      'its time',
      async () => {
        utimesSync(isoPath, 1_000, 1_000)
        return iso
      },
    ],
  ])('is taken again when %s changed', async (_name, change) => {
    {
      await using first = await boot(isoPath)
      await first.configured.done
    }
    const changed = await change()
    await using second = await boot(isoPath)
    await second.configured.done
    expect(await second.current()).toBe(sha256(changed))
    expect(second.lines.join()).toContain('was imported')
  })

  test('does not push out what a person imported later, until it changes or that one goes', async () => {
    const other = await makeIso(join(folder, 'other.iso'), 6 * MiB)
    {
      await using first = await boot(isoPath)
      await first.configured.done
      await first.store.import({ body: new Blob([other]).stream(), source: 'upload by alice' })
    }
    {
      await using second = await boot(isoPath)
      await second.configured.done
      expect(await second.current()).toBe(sha256(other))
      await second.store.remove()
    }
    await using third = await boot(isoPath)
    await third.configured.done
    expect(await third.current()).toBe(sha256(iso))
  })

  test('that is not there, or not the one that was meant, is told and tried again until it is', async () => {
    const good = sha256(iso)
    rmSync(isoPath)
    await using appliance = await boot(isoPath, good)
    await appliance.configured.firstAttempt
    expect(appliance.configured.missing()).toBe(
      `${isoPath} can not be read: check media.maintenance_iso`,
    )
    const other = await makeIso(join(folder, 'other.iso'), 6 * MiB)
    writeFileSync(isoPath, other)
    while (!appliance.configured.missing()?.includes(sha256(other))) await Bun.sleep(1)
    expect(await appliance.current()).toBeUndefined()
    writeFileSync(isoPath, iso)
    await appliance.configured.done
    expect(await appliance.current()).toBe(good)
    expect(appliance.configured.missing()).toBeUndefined()
  })

  test('no configured ISO is missed', async () => {
    await using appliance = await boot('')
    await appliance.configured.firstAttempt
    expect(appliance.configured.missing()).toBeUndefined()
  })
})

describe('a configured URL', () => {
  test('is fetched once, and kept over a restart', async () => {
    await using site = await web((_request, response) => response.end(iso))
    for (let start = 0; start < 2; start++) {
      await using appliance = await boot(`http://${site.host}/m.iso`, sha256(iso))
      await appliance.configured.done
      expect(await appliance.current()).toBe(sha256(iso))
    }
    expect(site.seen).toHaveLength(1)
    expect(site.seen[0]?.headers['accept-encoding']).toBe('identity')
  })

  test('is fetched again when the URL changed, be it in its query', async () => {
    await using site = await web((_request, response) => response.end(iso))
    for (const query of ['', '?v=2', '?v=2']) {
      await using appliance = await boot(`http://${site.host}/m.iso${query}`)
      await appliance.configured.done
    }
    expect(site.seen.map(({ url }) => url)).toEqual(['/m.iso', '/m.iso?v=2'])
  })

  test('credentials go to its own origin only, and into no log and no record', async () => {
    await using mirror = await web((_request, response) => response.end(iso))
    await using site = await web((_request, response) =>
      response.writeHead(302, { location: `http://${mirror.host}/m.iso?signed=secret` }).end(),
    )
    await using appliance = await boot(`http://joe:s%40cret@${site.host}/m.iso?key=secret`)
    await appliance.configured.done
    expect(site.seen[0]?.headers.authorization).toBe(`Basic ${btoa('joe:s@cret')}`)
    expect(site.seen[0]?.url).toBe('/m.iso?key=secret')
    expect(mirror.seen[0]?.headers.authorization).toBeUndefined()
    const told = [...appliance.lines, JSON.stringify(await appliance.store.current())].join()
    expect(told).not.toMatch(/secret|s@cret|s%40cret|joe/)
    expect(await appliance.store.current()).toMatchObject({ source: `http://${site.host}/m.iso` })
  })

  test.each<[string, RequestListener, RegExp]>([
    ['404', (_request, response) => response.writeHead(404).end('no'), /answers 404$/],
    ['a page', (_request, response) => response.end('<html>log in'), /no usable ISO 9660/],
    [
      'half of it',
      (_request, response) => {
        response
          .writeHead(200, { 'Content-Length': 4 * MiB })
          .write(Buffer.alloc(MiB), () => response.destroy())
      },
      /did not come to its end/,
    ],
    [
      'a redirect to itself',
      (_request, response) => response.writeHead(302, { location: '/m.iso' }).end(),
      /redirects too often$/,
    ],
    [
      'a redirect to a file',
      (_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      /redirects to a place that is no http: URL$/,
    ],
    [
      'a redirect to nowhere',
      (_request, response) => response.writeHead(302).end(),
      /redirects too often$/,
    ],
  ])(
    'that answers %s is told, and tried again until it is right',
    async (_name, wrong, message) => {
      const state = { right: false }
      await using site = await web((request, response) => {
        if (state.right) response.end(iso)
        else wrong(request, response)
      })
      await using appliance = await boot(`http://${site.host}/m.iso`)
      await appliance.configured.firstAttempt
      expect(appliance.configured.missing()).toMatch(message)
      expect(appliance.lines.join()).toContain('trying again')
      state.right = true
      await appliance.configured.done
      expect(await appliance.current()).toBe(sha256(iso))
    },
  )

  test('that nobody answers is told without its credentials', async () => {
    await using site = await web(() => {})
    const { host } = site
    await site[Symbol.asyncDispose]()
    await using appliance = await boot(`http://joe:secret@${host}/m.iso`)
    await appliance.configured.firstAttempt
    expect(appliance.configured.missing()).toStartWith(`http://${host}/m.iso can not be fetched`)
    expect(appliance.lines.join()).not.toContain('secret')
  })

  test('a stop in the middle ends it at once and leaves nothing', async () => {
    const begun = Promise.withResolvers<void>()
    await using site = await web((_request, response) => {
      response.writeHead(200, { 'Content-Length': 4 * MiB }).write(iso.subarray(0, MiB))
      begun.resolve()
    })
    await using appliance = await boot(`http://${site.host}/m.iso`)
    await begun.promise
    await appliance[Symbol.asyncDispose]()
    expect(await appliance.current()).toBeUndefined()
  })
})
