// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { definePlugin, type Host, type Plugin } from '../core/plugin.ts'
import { type RunningAppliance, startAppliance } from '../test/harness.ts'
import { complete, post, ready } from '../test/stage.ts'
import { builtInPlugins } from './plugins.ts'

const plugin = (name: string, setup: (host: Host) => void, after: readonly string[] = []): Plugin =>
  definePlugin({ name, after, config: v.strictObject({}), setup })

const lines = (running: RunningAppliance) => running.logged.map((line) => JSON.parse(line))

describe('the order of plugins', () => {
  test('is kept, and checked against what each one needs', async () => {
    const seen: string[] = []
    const [a, b] = ['a', 'b'].map((name) => plugin(name, () => void seen.push(name)))
    const c = plugin('c', () => void seen.push('c'), ['a'])
    if (!a || !b) throw new Error('no plugins')
    await using _ = await startAppliance({ plugins: [...builtInPlugins, a, b, c] })
    expect(seen).toEqual(['a', 'b', 'c'])
    await expect(startAppliance({ plugins: [...builtInPlugins, c, a] })).rejects.toThrow(
      'plugin c must stand after a',
    )
    await expect(startAppliance({ plugins: [...builtInPlugins, a, a] })).rejects.toThrow(
      /a .*twice/,
    )
  })
})

test('a box that one plugin sealed opens for no other, and nothing of core opens for it', async () => {
  const hosts = new Map<string, Host>()
  const keeps = (name: string) => plugin(name, (host) => void hosts.set(name, host))
  await using _ = await startAppliance({ plugins: [...builtInPlugins, keeps('a'), keeps('b')] })
  const box = hosts.get('a')?.sealer.seal('secret', 'row/1') ?? ''
  expect(hosts.get('a')?.sealer.open(box, 'row/1')).toBe('secret')
  expect(() => hosts.get('a')?.sealer.open(box, 'row/2')).toThrow(/moved from another row/)
  expect(() => hosts.get('b')?.sealer.open(box, 'row/1')).toThrow(/moved from another row/)
})

describe('start', () => {
  const opens = (name: string, story: string[], fails = false) =>
    plugin(name, ({ hooks }) =>
      hooks.start.tapPromise(name, async (scope) => {
        scope.defer(() => void story.push(`${name} closed`))
        story.push(`${name} opened`)
        if (fails) throw new Error(`${name} can not open its port`)
      }),
    )

  test('opens in order and closes in reverse', async () => {
    const story: string[] = []
    const plugins = [...builtInPlugins, opens('a', story), opens('b', story)]
    await using running = await startAppliance({ plugins })
    await running.stop()
    expect(story).toEqual(['a opened', 'b opened', 'b closed', 'a closed'])
  })

  test('that fails in the middle closes what was opened, also by the one that failed', async () => {
    const story: string[] = []
    const names = ['a', 'b', 'c'] as const
    const plugins = [...builtInPlugins, ...names.map((name) => opens(name, story, name === 'b'))]
    await expect(startAppliance({ plugins })).rejects.toThrow('b can not open its port')
    expect(story).toEqual(['a opened', 'b opened', 'b closed', 'a closed'])
  })
})

test('a plugin has a folder of its own, made when it is first asked for', async () => {
  const hosts: Host[] = []
  const plugins = [...builtInPlugins, plugin('folder-owner', (given) => hosts.push(given))]
  await using running = await startAppliance({ plugins })
  const path = join(running.dataDir, 'folder-owner')
  expect(existsSync(path)).toBe(false)
  expect(hosts[0]?.dataDir).toBe(path)
  expect(existsSync(path)).toBe(true)
})

test('a watcher that throws is logged by its name, and changes nothing for job or others', async () => {
  const heard: string[] = []
  const broken = plugin('broken', ({ hooks }) => {
    const fail = (what: string) => () => {
      throw new Error(`broken in ${what}`)
    }
    // The name that a tap gives itself does not count.
    hooks.seen.tap('somebody-else', fail('seen'))
    hooks.changed.tap('somebody-else', fail('changed'))
    hooks.profile.tap('somebody-else', fail('profile'))
  })
  const watching = plugin('watching', ({ hooks }) => {
    hooks.seen.tap('watching', ({ level }) => void heard.push(level))
    hooks.changed.tap('watching', ({ status }) => void heard.push(status))
  })
  await using stage = await ready({}, [], [broken, ...builtInPlugins, watching])
  const { running, machine } = stage
  const job = await running.until(await post(running, machine.serial), complete, 5_000)
  expect(job).toMatchObject({ result: 'succeeded' })
  expect(heard).toEqual(expect.arrayContaining(['provisioning', 'claimed', 'reported', 'complete']))
  for (const hook of ['seen', 'changed', 'profile']) {
    expect(lines(running)).toContainEqual(
      expect.objectContaining({
        ...{ level: 'error', plugin: 'broken', hook },
        err: expect.objectContaining({ message: `broken in ${hook}` }),
      }),
    )
  }
})

describe('/readyz', () => {
  const ask = (running: RunningAppliance) =>
    running.send('GET', '/readyz', undefined, { Authorization: '' })

  test('says that all is well, to anybody', async () => {
    await using running = await startAppliance()
    expect(await ask(running)).toMatchObject({
      status: 200,
      body: { ready: true, checks: { database: 'ok', storage: 'ok', plugins: 'ok' } },
    })
  })

  test('names the plugin that can not serve, and why', async () => {
    const unwell = plugin('unwell', ({ hooks }) =>
      hooks.ready.tapPromise('anything', async () => {
        throw new Error('the store is full')
      }),
    )
    await using running = await startAppliance({ plugins: [...builtInPlugins, unwell] })
    expect(await ask(running)).toMatchObject({
      status: 503,
      body: { ready: false, checks: { plugins: 'unwell: the store is full', database: 'ok' } },
    })
    expect((await running.send('GET', '/healthz')).status).toBe(200)
  })

  test('says that the database is gone', async () => {
    await using running = await startAppliance()
    running.appliance.db.client.close()
    const { status, body } = await ask(running)
    expect(status).toBe(503)
    expect(body.checks.database).not.toBe('ok')
    expect(body.checks.storage).toBe('ok')
  })

  test('says that the data folder is gone', async () => {
    await using running = await startAppliance()
    await rm(running.dataDir, { recursive: true })
    const { status, body } = await ask(running)
    expect(status).toBe(503)
    expect(body.checks.storage).toMatch(/ENOENT|no such/)
  })
})
