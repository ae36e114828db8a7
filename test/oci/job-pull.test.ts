// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { linuxRecipe, type RunningAppliance } from '../harness.ts'
import { claimed, post, ready } from '../stage.ts'
import { accessBed, basic } from './access-bed.ts'
import { digestOf, freshBytes } from './content.ts'

/** Far more than the kernel's buffers hold: tcp_rmem goes up to 32 MiB, tcp_wmem to 4. */
const SIZE = 80 * 1_048_576
const recipe = { ...linuxRecipe, oci_url: 'os-images/debian:13' }

let stage: Awaited<ReturnType<typeof ready>>
let running: RunningAppliance
let job: string
let authorization: string
let layer: string
let manifest: string

beforeAll(async () => {
  stage = await ready({ script: 'silent' }, ['server.local=127.0.0.1:0'])
  running = stage.running
  const bed = accessBed(running)
  const bytes = freshBytes(SIZE)
  layer = digestOf(bytes)
  manifest = (await bed.pushImage('os-images/debian', '13', bytes)).digest
  await bed.pushImage('os-images/debian', '12')
  job = await post(running, stage.machine.serial, { recipe })
  await running.until(job, claimed)
  const iso = await Bun.file(join(running.dataDir, 'task-isos', `${job}.iso`)).text()
  const field = (name: string) => new RegExp(`"${name}":"([^"]+)"`).exec(iso)?.[1] ?? ''
  authorization = basic(field('user'), field('password'))
}, 60_000)
afterAll(() => stage?.[Symbol.asyncDispose]())

const origin = () => running.listeners.open.find(({ name }) => name === 'local')?.url ?? ''

/** The progress of the job, once it is as asked. */
async function progress(wanted: (pull: { bytes: number; percent: number }) => boolean) {
  const deadline = performance.now() + 30_000
  for (;;) {
    await running.appliance.evidence.settled()
    const { body } = await running.send('GET', `/api/v1/jobs/${job}`)
    if (body.progress?.pull && wanted(body.progress.pull)) return body
    if (performance.now() > deadline) throw new Error(`not there: ${JSON.stringify(body.progress)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Asks for the layer and reads nothing of the answer before `read` is called. */
function slowReader(): { readonly socket: Socket; read(bytes: number): Promise<void> } {
  const { hostname, port } = new URL(origin())
  const socket = connect({ host: hostname, port: Number(port) })
  socket.pause()
  socket.write(
    `GET /v2/os-images/debian/blobs/${layer} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: ${authorization}\r\n\r\n`,
  )
  return {
    socket,
    async read(bytes) {
      for (let left = bytes; left > 0; ) {
        const chunk: Buffer | null = socket.read()
        if (chunk) left -= chunk.length
        else await new Promise((resolve) => socket.once('readable', resolve))
      }
    },
  }
}

test('what a machine has pulled of its image shows while it pulls, by what its end has taken', async () => {
  const path = `${origin()}/v2/os-images/debian/manifests/${manifest}`
  expect((await fetch(path, { headers: { Authorization: authorization } })).status).toBe(200)
  const { socket, read } = slowReader()
  await read(SIZE / 3)
  const third = await progress(({ percent }) => percent >= 25)
  // Buffers of the kernel on both ends hold some megabytes more than were read.
  expect(third.progress.pull.percent).toBeLessThan(90)
  expect(third.progress.pull.total_bytes).toBe(SIZE + 64)
  expect(third.progress).toMatchObject({ bytes: third.progress.pull.bytes })
  // Cut: what came stands, and is not taken for the whole.
  socket.destroy()
  const cut = await progress(({ bytes }) => bytes > 0)
  expect(cut.progress.pull.percent).toBeLessThan(95)
  const whole = slowReader()
  await whole.read(SIZE)
  const done = await progress(({ percent }) => percent >= 99)
  whole.socket.destroy()
  const config = done.progress.pull.total_bytes - SIZE
  expect(done.progress.pull.bytes).toBeGreaterThanOrEqual(SIZE)
  expect(config).toBe(64)
  const seen = done.evidence.filter(({ level }: { level: string }) => level === 'pulled')
  expect(seen.length).toBeGreaterThan(1)
  expect(seen.length).toBeLessThan(15)
  expect(seen.at(-1)).toMatchObject({
    from: '127.0.0.1',
    detail: expect.stringMatching(/% of os-images\/debian$/),
  })
}, 90_000)

test('skopeo pulls the image with the login of the job, and nothing else', async () => {
  const copy = async (reference: string, login: string) => {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-skopeo-'))
    const run = Bun.spawn(
      [
        ...['skopeo', 'copy', '--src-tls-verify=false', '--src-creds', login],
        ...[`docker://${new URL(origin()).host}/os-images/debian${reference}`, `dir:${folder}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const said = await new Response(run.stderr).text()
    const code = await run.exited
    const names = await readdir(folder)
    await rm(folder, { recursive: true, force: true })
    return { code, said, names }
  }
  const login = Buffer.from(authorization.slice('Basic '.length), 'base64').toString()
  const own = await copy(`@${manifest}`, login)
  expect(own).toMatchObject({ code: 0 })
  expect(own.names).toContain(layer.slice('sha256:'.length))
  const other = await copy(':12', login)
  expect(other.code).not.toBe(0)
  expect(other.said).toContain('denied')
  const wrong = await copy(`@${manifest}`, `${login}0`)
  expect(wrong.code).not.toBe(0)
}, 60_000)

test('the machine’s own words stay, and the pull stands beside them', async () => {
  const found = await running.appliance.jobs.get(job)
  if (!found) throw new Error('no job')
  await running.appliance.jobs.report(found, {
    ...{ status: 'progress', phase: 'writing', step: 'image-linux.service', percent: 7 },
  })
  const { body } = await running.send('GET', `/api/v1/jobs/${job}`)
  expect(body.progress).toMatchObject({
    ...{ phase: 'writing', step: 'image-linux.service', percent: 7 },
    pull: { total_bytes: SIZE + 64 },
  })
})
