// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { Hono } from 'hono'
import { newJob, noDocuments } from '../../test/job-row.ts'
import { type TemporaryDb, temporaryDb } from '../../test/temporary-db.ts'
import { createHooks } from '../hooks.ts'
import { requestContext } from '../http/context.ts'
import type { ApiEnv } from '../http/env.ts'
import { addEvidence } from '../store/job-story.ts'
import { insertJob, patchJob } from '../store/jobs.ts'
import { createBook, type JobBook } from './book.ts'
import { createFeed, type Feed } from './feed.ts'
import type { Job } from './job.ts'
import { watchJob } from './watch.ts'

let temporary: TemporaryDb
let book: JobBook
let job: Job
let at: number
let server: ReturnType<typeof Bun.serve>
/** Watchers that the feed holds; `counted` is called when one comes or goes. */
let watchers: number
let counted: () => void

beforeEach(async () => {
  at = 1_800_000_000_000
  watchers = 0
  counted = () => {}
  temporary = await temporaryDb()
  const { db } = temporary
  const inner = createFeed()
  const feed: Feed = {
    publish: inner.publish,
    subscribe(id, listener) {
      const leave = inner.subscribe(id, listener)
      watchers++
      counted()
      return () => {
        leave()
        watchers--
        counted()
      }
    },
  }
  book = createBook({ db, hooks: createHooks(), feed, now: () => at })
  const inserted = await db.write((tx) => insertJob(tx, newJob(), noDocuments))
  if (!inserted) throw new Error('no job')
  job = inserted
  const app = new Hono<ApiEnv>()
    .use(requestContext)
    .get('/', (c) => watchJob(c, { db, book, feed }, job, ['job', 'log', 'evidence']))
  server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: app.fetch })
})
afterEach(async () => {
  await server.stop(true)
  await temporary[Symbol.asyncDispose]()
})

const finish = () =>
  book.change((tx) =>
    patchJob(tx, job.id, [job.status], {
      status: 'complete',
      cleanup: 'done',
      updatedAt: ++at,
    } as never),
  )

const messages = (stream: string) =>
  [...stream.matchAll(/^event: log\ndata: (.*)$/gm)].map(
    ([, data]) => JSON.parse(data ?? '').message,
  )

/** Resolves when so many watch. */
const watching = (count: number) =>
  new Promise<void>((resolve) => {
    counted = () => void (watchers === count && resolve())
    counted()
  })

test('a line that was written after the clock stepped back is told too', async () => {
  await book.note(job.id, { level: 'info', message: 'first' })
  at -= 60_000
  await book.note(job.id, { level: 'info', message: 'second' })
  const nothing = { slot: null, region: null, bytes: null, percent: null, reader: null }
  const row = { jobId: job.id, level: 'fetched', detail: 'seen', ...nothing } as const
  await temporary.db.write((tx) => addEvidence(tx, { ...row, at }))
  await finish()
  const story = await (await fetch(server.url)).text()
  expect(messages(story)).toEqual(['first', 'second'])
  expect(story).toContain('"detail":"seen"')
})

test('a client that goes away leaves nothing behind', async () => {
  const going = new AbortController()
  const response = await fetch(server.url, { signal: going.signal })
  await response.body?.getReader().read()
  expect(watchers).toBe(1)
  going.abort()
  // What is said now meets a closed connection.
  await book.note(job.id, { level: 'info', message: 'to nobody' })
  await watching(0)
})

test('who asks for the headers alone watches nothing', async () => {
  const response = await fetch(server.url, { method: 'HEAD' })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  await watching(0)
})

/** A client, in a process of its own, that asks and reads nothing before it is told to. */
function stalled(port: number) {
  const script = `exec 3<>/dev/tcp/127.0.0.1/${port}
    printf 'GET / HTTP/1.0\\r\\nConnection: close\\r\\n\\r\\n' >&3; read; cat <&3`
  const child = Bun.spawn(['bash', '-c', script], { stdin: 'pipe', stdout: 'pipe' })
  return {
    [Symbol.dispose]: () => child.kill(),
    async read(): Promise<string> {
      child.stdin.write('\n')
      child.stdin.flush()
      return new Response(child.stdout).text()
    },
  }
}

test('a client that does not read holds nobody up, and hears all of it when it reads on', async () => {
  using slow = stalled(server.port ?? 0)
  await watching(1)
  const quick = fetch(server.url).then((response) => response.text())
  const said: string[] = []
  for (let batch = 0; batch < 6; batch++) {
    const lines = Array.from({ length: 400 }, (_, n) => `${batch}.${n} ${'x'.repeat(6_000)}`)
    said.push(...lines)
    await book.note(job.id, ...lines.map((message) => ({ level: 'info', message }) as const))
  }
  await finish()
  expect(messages(await quick)).toEqual(said)
  expect(messages((await slow.read()).replaceAll(/\r\n[0-9a-f]+\r\n/g, ''))).toEqual(said)
})
