// SPDX-License-Identifier: AGPL-3.0-or-later
/** The appliance over a database that is reached by HTTP. */
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { lockRemote } from '../appliance/lock.ts'
import { openDb } from '../core/store/client.ts'
import { startAppliance } from './harness.ts'
import { remoteStore } from './remote-store.ts'
import { complete, post, ready } from './stage.ts'

test('a job runs to its end over a remote database, and nothing is kept here', async () => {
  await using remote = await remoteStore()
  const set = [`store.url=${remote.url}`, `store.auth_token=${remote.token}`]
  await using stage = await ready({}, set)
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  expect(await running.until(id, complete, 5_000)).toMatchObject({
    ...{ result: 'succeeded', cleanup: 'done' },
  })
  expect(
    (await running.send('GET', '/api/v1/jobs?limit=1&status=complete')).body.jobs,
  ).toHaveLength(1)
  expect((await running.send('GET', '/api/v1/machines?limit=1')).body.machines).toHaveLength(1)
  expect(existsSync(join(running.dataDir, 'slipway.db'))).toBe(false)
  expect(running.logged.join('')).not.toContain(remote.token)
  // Whatever was begun was ended: no transaction hangs at the server.
  expect([...remote.streams.values()].filter(({ db }) => db.inTransaction)).toEqual([])
})

test('a second appliance on the same remote database is refused', async () => {
  await using remote = await remoteStore()
  const set = [`store.url=${remote.url}`, `store.auth_token=${remote.token}`]
  await using running = await startAppliance({ set })
  using other = await openDb({ url: remote.url, authToken: remote.token })
  await using _ = await lockRemote(running.appliance.db)
  await expect(lockRemote(other)).rejects.toMatchObject({ code: 'lock.held' })
})

test('a wrong token is an error at the start, and is not repeated', async () => {
  await using remote = await remoteStore()
  const set = [`store.url=${remote.url}`, 'store.auth_token=wrong-token-4711']
  const error = await startAppliance({ set }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(Error)
  expect(Bun.inspect(error)).not.toContain('wrong-token-4711')
})
