// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the same work costs without an appliance: the same requests and reads by a bare loop. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import undici from 'undici/index.js'
import { selfSigned } from '../../core/certificates/self-signed.ts'
import { writeSampleBootIso } from '../../plugins/iso/index.ts'
import { jobDocument, writeTaskImages } from '../fake-bmc/machine-images.ts'
import type { FleetMachine, Order } from './fleet.ts'

export interface FloorParts {
  readonly machines: readonly FleetMachine[]
  /** What the appliance asked of one of them, from login to logout, power-on and settling included. */
  readonly orders: readonly Order[]
  readonly isoBytes: number
  /** Machines worked on at the same time. */
  readonly concurrency: number
}

const isInsert = ({ path }: Order) => path.endsWith('VirtualMedia.InsertMedia')
const isLogin = ({ method, path }: Order) => method === 'POST' && path.endsWith('/Sessions')
const isPowerOn = ({ path, body }: Order) =>
  path.endsWith('ComputerSystem.Reset') && body?.['ResetType'] === 'On'

/** Serves both images as files and says yes to everything a machine reports. */
async function openServers(folder: string, machines: readonly FleetMachine[]) {
  const reported = new Map<string, PromiseWithResolvers<void>>()
  for (const { serial } of machines) reported.set(serial, Promise.withResolvers())
  const bySocket = new Map<number, string>()
  const tls = selfSigned({ names: ['127.0.0.1'], days: 1 })
  const machineServer = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: { key: tls.key, cert: tls.cert },
    async fetch(request, server) {
      const { port = 0 } = server.requestIP(request) ?? {}
      const body = (await request.json()) as { serial?: string; status?: string }
      // A machine claims and reports through the same connection; only the claim names it.
      if (body.serial) bySocket.set(port, body.serial)
      if (body.status === 'success') reported.get(bySocket.get(port) ?? '')?.resolve()
      return Response.json({ ok: true })
    },
  })
  const imageServer = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: ({ url }) => new Response(Bun.file(join(folder, new URL(url).pathname.slice(1)))),
  })
  return {
    caPem: tls.cert,
    base: `https://127.0.0.1:${machineServer.port}`,
    image: (name: string) => `http://127.0.0.1:${imageServer.port}/${name}`,
    reported: (serial: string) => reported.get(serial)?.promise,
    async close() {
      await machineServer.stop(true)
      await imageServer.stop(true)
    },
  }
}

type Servers = Awaited<ReturnType<typeof openServers>>

/** One machine from login to logout. */
async function replay(machine: FleetMachine, orders: readonly Order[], servers: Servers) {
  const agent = new undici.Agent({ connections: 2, pipelining: 1 })
  let token = ''
  let session = ''
  let inserts = 0
  let on = false
  const send = async (method: string, path: string, body: unknown) => {
    const answer = await undici.request(`${machine.bmc_url}${path}`, {
      method: method as 'GET',
      dispatcher: agent,
      headers: {
        ...(token ? { 'X-Auth-Token': token } : {}),
        ...(body ? { 'Content-Type': 'application/json' } : {}),
        ...(method === 'PATCH' ? { 'If-Match': '*' } : {}),
      },
      body: body ? JSON.stringify(body) : null,
    })
    const text = await answer.body.text()
    if (text) JSON.parse(text)
    return answer.headers
  }
  for (const order of orders) {
    const { method, path, body } = order
    if (isLogin(order)) {
      token = ''
      const login = { UserName: machine.username, Password: machine.password }
      const headers = await send(method, path, login)
      token = String(headers['x-auth-token'])
      session = String(headers['location'])
    } else if (isInsert(order)) {
      const image = servers.image(inserts++ === 0 ? 'boot.iso' : 'task.iso')
      await send(method, path, { ...body, Image: image })
    } else if (method === 'DELETE') await send(method, session, undefined)
    else await send(method, path, body)
    if (isPowerOn(order) && !on) {
      on = true
      await servers.reported(machine.serial)
    }
  }
  await agent.close()
}

/** Does it and says how long it took, in ms. */
export async function measureFloor(parts: FloorParts): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-floor-'))
  const servers = await openServers(folder, parts.machines)
  try {
    await writeSampleBootIso(join(folder, 'boot.iso'), { sizeBytes: parts.isoBytes })
    const serials = parts.machines.map(({ serial }) => serial)
    const job = { serials, base_urls: [servers.base], ca_pem: servers.caPem }
    await writeTaskImages(folder, jobDocument(job))
    const waiting = [...parts.machines]
    const started = performance.now()
    const worker = async () => {
      for (let next = waiting.pop(); next; next = waiting.pop()) {
        await replay(next, parts.orders, servers)
      }
    }
    await Promise.all(Array.from({ length: parts.concurrency }, worker))
    return performance.now() - started
  } finally {
    await servers.close()
    await rm(folder, { recursive: true, force: true })
  }
}
