// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from './faults.ts'
import { createSealer, digest, openSealer, randomToken, sameDigest, sameSecret } from './seal.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-seal-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const caught = async (work: () => unknown): Promise<Fault> => {
  try {
    await work()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('expected a fault')
}

describe('a box', () => {
  const sealer = createSealer(new Uint8Array(32).fill(7), '/keys/seal.key')
  const other = createSealer(new Uint8Array(32).fill(8), '/keys/other.key')
  const place = 'machine/1/password'
  const box = sealer.seal('calvin', place)

  test.each(['', 'calvin', 'pässwörd 🔑', 'x'.repeat(100_000)])(
    'gives back what was sealed (%#)',
    (plain) => expect(sealer.open(sealer.seal(plain, place), place)).toBe(plain),
  )

  test('does not show the secret and is never the same twice', () => {
    expect(Buffer.from(box, 'base64url').toString('latin1')).not.toContain('calvin')
    expect(box).toStartWith('s1.')
    const many = new Set(Array.from({ length: 1_000 }, () => sealer.seal('calvin', place)))
    expect(many.size).toBe(1_000)
  })

  test('opens with another sealer of the same key', () => {
    const again = createSealer(new Uint8Array(32).fill(7), '/elsewhere')
    expect(again.open(box, place)).toBe('calvin')
  })

  const flipped = (at: number) => {
    const [version, keyId, body = ''] = box.split('.')
    const bytes = Buffer.from(body, 'base64url')
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return `${version}.${keyId}.${bytes.toString('base64url')}`
  }
  test.each([
    { name: 'in another row', open: () => sealer.open(box, 'machine/2/password') },
    { name: 'with a changed nonce', open: () => sealer.open(flipped(0), place) },
    { name: 'with a changed tag', open: () => sealer.open(flipped(12), place) },
    { name: 'with changed bytes', open: () => sealer.open(flipped(28), place) },
    { name: 'when cut inside its tag', open: () => sealer.open(box.slice(0, 30), place) },
    { name: 'when cut inside its nonce', open: () => sealer.open(box.slice(0, 15), place) },
    { name: 'of another version', open: () => sealer.open(box.replace('s1.', 's2.'), place) },
    { name: 'that is plain text', open: () => sealer.open('calvin', place) },
    { name: 'that is empty', open: () => sealer.open('', place) },
  ])('does not open $name', async ({ open }) => {
    const fault = await caught(open)
    expect(fault.code).toBe('seal.broken')
    expect(fault.message).not.toContain('calvin')
  })

  test('of another key file says so, and what to do', async () => {
    const fault = await caught(() => other.open(box, place))
    expect(fault.code).toBe('seal.wrong-key')
    expect(fault.message).toContain('/keys/other.key')
    expect(fault.message).toContain('put back the key file')
  })
})

describe('the key file', () => {
  test('is made at first use, for its owner only, and used again', async () => {
    const keyFile = join(folder, 'keys', 'seal.key')
    const box = (await openSealer(keyFile)).seal('calvin', 'a')
    const file = await stat(keyFile)
    expect({ mode: file.mode & 0o777, size: file.size }).toEqual({ mode: 0o600, size: 32 })
    expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700)
    expect(await readdir(join(folder, 'keys'))).toEqual(['seal.key'])
    expect((await openSealer(keyFile)).open(box, 'a')).toBe('calvin')
  })

  test('is refused when others may read it', async () => {
    const keyFile = join(folder, 'exposed.key')
    await openSealer(keyFile)
    for (const mode of [0o640, 0o604, 0o620, 0o644]) {
      await chmod(keyFile, mode)
      const fault = await caught(() => openSealer(keyFile))
      expect(fault.code).toBe('private-file.exposed')
      expect(fault.message).toContain(`chmod 600 ${keyFile}`)
    }
  })

  test.each([0, 31, 33])('is refused with %d bytes, and left as it is', async (size) => {
    const keyFile = join(folder, `${size}.key`)
    await writeFile(keyFile, new Uint8Array(size), { mode: 0o600 })
    const fault = await caught(() => openSealer(keyFile))
    expect(fault.code).toBe('seal.key-file')
    expect((await stat(keyFile)).size).toBe(size)
  })

  test('is refused when it is a folder', async () => {
    const place = await mkdtemp(join(folder, 'folder-'))
    expect((await caught(() => openSealer(place))).code).toBe('private-file.unreadable')
  })
})

describe('tokens', () => {
  test('are as long as asked and never the same twice', () => {
    expect(randomToken(128)).toMatch(/^[0-9a-f]{32}$/)
    expect(randomToken(256)).toMatch(/^[0-9a-f]{64}$/)
    expect(new Set(Array.from({ length: 1_000 }, () => randomToken(128))).size).toBe(1_000)
  })

  test('are compared by their digests', () => {
    expect(digest('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(sameDigest(digest('a'), digest('a'))).toBe(true)
    expect(sameDigest(digest('a'), digest('b'))).toBe(false)
    expect(sameDigest(digest('a'), '')).toBe(false)
    expect(sameSecret('short', 'a longer one')).toBe(false)
    expect(sameSecret('same', 'same')).toBe(true)
  })
})
