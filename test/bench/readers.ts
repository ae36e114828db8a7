// SPDX-License-Identifier: AGPL-3.0-or-later
/** Many readers of one composed image, and of the same bytes as a file behind nginx. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSampleBootIso } from '../../plugins/iso/index.ts'
import { freePorts, startServe } from '../binary/executable.ts'
import { linuxRecipe } from '../harness.ts'
import { startFleet } from './fleet.ts'
import { apiOf, must, peakBytes } from './jobs.ts'

export interface ReadersFigure {
  readonly readers: number
  readonly read_bytes: number
  readonly ours_ms: number
  readonly nginx_ms: number
  /** Their time divided by ours: our share of their speed. */
  readonly ratio: number
  /** Before the reading: an image of this size was taken in. */
  readonly upload_peak_rss_bytes: number
  readonly ours_peak_rss_bytes: number
  readonly nginx_peak_rss_bytes: number
}

const RUNS = 3

/** Each reader takes its own stretch, all at once; ms until the last is done. */
async function readAll(url: string, readers: number, stretch: number): Promise<number> {
  const started = performance.now()
  const codes = await Promise.all(
    Array.from({ length: readers }, (_, index) => {
      const range = `${index * 4_096}-${index * 4_096 + stretch - 1}`
      const flags = ['-sS', '--fail', '--range', range, '-o', '/dev/null']
      return Bun.spawn(['curl', ...flags, url], { stdio: ['ignore', 'ignore', 'inherit'] }).exited
    }),
  )
  if (codes.some((code) => code !== 0)) throw new Error(`a reader of ${url} failed`)
  return performance.now() - started
}

/** Serves a folder's files; its workers share the reading. */
async function startNginx(folder: string) {
  const [port = 0] = await freePorts(1)
  const config = join(folder, 'nginx.conf')
  await Bun.write(
    config,
    `daemon off; pid ${folder}/nginx.pid; error_log stderr; worker_processes 1; user root;
     events { worker_connections 1024; }
     http { access_log off; sendfile on; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p;
       fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       server { listen 127.0.0.1:${port}; root ${folder}/www; } }`,
  )
  const child = Bun.spawn(['/usr/sbin/nginx', '-c', config, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  const answers = () =>
    fetch(`${url}/image.iso`, { method: 'HEAD' }).then(
      () => true,
      () => false,
    )
  while (!(await answers())) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`)
    await Bun.sleep(20)
  }
  return { url, child }
}

/** Peak of nginx and its workers. */
async function familyPeak(pid: number): Promise<number> {
  const children = (await Bun.file(`/proc/${pid}/task/${pid}/children`).text()).trim().split(' ')
  const peaks = await Promise.all([pid, ...children.filter(Boolean).map(Number)].map(peakBytes))
  return peaks.reduce((sum, bytes) => sum + bytes, 0)
}

/** An image that the appliance composes for one machine which waits for ever. */
async function publish(command: readonly string[], folder: string, isoBytes: number) {
  await using opening = new AsyncDisposableStack()
  const fleet = opening.use(
    await startFleet({ count: 1, answerMs: 0, script: 'silent', readsWhole: false }),
  )
  const dataDir = join(folder, 'data')
  const env = { TMPDIR: folder }
  const serving = await startServe({ command, cwd: folder, dataDir, env })
  opening.defer(() => void serving.process.kill('SIGKILL'))
  const api = await apiOf(serving, dataDir)
  const iso = join(folder, 'boot.iso')
  await writeSampleBootIso(iso, { sizeBytes: isoBytes })
  await must(api('PUT', '/api/v1/maintenance', Bun.file(iso)))
  const machines = fleet.machines.map((machine) => ({ ...machine, media_plan: 'one' }))
  await must(api('POST', '/api/v1/machines/import', { machines }))
  const [machine] = fleet.machines
  const request = { server_serial: machine?.serial, recipe: linuxRecipe }
  const { job_id } = (await must(api('POST', '/api/v1/jobs', request))) as { job_id: string }
  for (;;) {
    const job = (await must(api('GET', `/api/v1/jobs/${job_id}`))) as Record<string, unknown>
    if (job['status'] === 'complete') throw new Error(`no medium: ${job['failed_reason']}`)
    if (job['claimed_at'] !== undefined) break
    await Bun.sleep(50)
  }
  const { images = [] } = await fleet.ask('state')
  const [url = ''] = images
  const open = opening.move()
  return { url, pid: serving.process.pid, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** Turn by turn against nginx. */
export async function benchReaders(
  command: readonly string[],
  options: { readonly readers: number; readonly isoBytes: number; readonly stretch: number },
): Promise<ReadersFigure> {
  await using scope = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))
  const { readers, stretch } = options
  const published = scope.use(await publish(command, folder, options.isoBytes))
  const copy = join(folder, 'www', 'image.iso')
  await Bun.write(copy, await fetch(published.url))
  if ((await readdir(join(folder, 'www'))).length !== 1) throw new Error('no copy for nginx')
  const nginx = await startNginx(folder)
  scope.defer(() => void nginx.child.kill())
  // What the upload of the medium took is another figure: the peak begins anew.
  const upload_peak_rss_bytes = await peakBytes(published.pid)
  await Bun.write(`/proc/${published.pid}/clear_refs`, '5')
  const taken = { ours: [] as number[], theirs: [] as number[] }
  for (let round = 0; round < RUNS; round++) {
    taken.theirs.push(await readAll(`${nginx.url}/image.iso`, readers, stretch))
    taken.ours.push(await readAll(published.url, readers, stretch))
  }
  const best = (times: readonly number[]) => Math.round(Math.min(...times))
  const [ours, theirs] = [best(taken.ours), best(taken.theirs)]
  return {
    readers,
    read_bytes: readers * stretch,
    ours_ms: ours,
    nginx_ms: theirs,
    ratio: Number((theirs / ours).toFixed(2)),
    upload_peak_rss_bytes,
    ours_peak_rss_bytes: await peakBytes(published.pid),
    nginx_peak_rss_bytes: await familyPeak(nginx.child.pid),
  }
}
