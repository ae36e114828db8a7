// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { RunningAppliance } from './harness.ts'
import { complete, post, ready } from './stage.ts'

const SILENT = 200

/** Takes every connection on every loopback address and never says a word. */
async function silence() {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  const { port } = server.address() as AddressInfo
  return {
    urlOf: (index: number) => `https://127.1.${index >> 8}.${index & 255}:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function addSilent(running: RunningAppliance, urlOf: (index: number) => string) {
  const machines = Array.from({ length: SILENT }, (_, index) => ({
    ...{ serial: `SILENT-${index}`, bmc_url: urlOf(index), username: 'root', password: 'secret' },
  }))
  const { status } = await running.send('POST', '/api/v1/machines/import', { machines })
  expect(status).toBe(200)
  for (const { serial } of machines) await post(running, serial)
}

test(`a job behind ${SILENT} controllers that never answer ends while they are still waited for`, async () => {
  await using silent = await silence()
  await using stage = await ready()
  const { running, machine } = stage
  await addSilent(running, silent.urlOf)
  // The last in the row of those that are due.
  running.clock.advance(1)
  const id = await post(running, machine.serial)
  const ticking = running.tick()
  expect(await running.until(id, complete)).toMatchObject({ result: 'succeeded' })
  const { body } = await running.send('GET', '/api/v1/jobs?status=provisioning&limit=500')
  expect(body.jobs).toHaveLength(SILENT)
  await running.stop()
  await ticking
}, 60_000)
