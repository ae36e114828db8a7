// SPDX-License-Identifier: AGPL-3.0-or-later
/** Blobs that 32 bits can not count, there and back, by curl and by oras, and what they cost in memory. */
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { peakBytes } from '../bench/jobs.ts'
import { run } from '../binary/executable.ts'
import { createClients } from './clients.ts'
import { basicOf, type RegistryServer, startSlipway } from './servers.ts'

const GiB = 1_024 ** 3
const MiB = 1_024 ** 2
/** An artifact of more than 10 GB must fit into it, whatever its size. */
export const PEAK_BYTES = 256 * MiB

export interface BigOptions {
  readonly folder: string
  readonly sizeBytes: number
  readonly built: boolean
  /** Also by oras, which hashes first, pushes in one piece and writes to the disk. */
  readonly oras: boolean
  readonly tell: (line: string) => void
}

/** Mostly holes, with a mark at each end and around the edges of 31 and 32 bits. */
async function makeSparse(path: string, sizeBytes: number): Promise<readonly number[]> {
  const marks = [0, 2 ** 31 - 8, 2 ** 32 - 8, sizeBytes - 16].filter(
    (at) => at >= 0 && at <= sizeBytes - 16,
  )
  const file = await open(path, 'w')
  await file.truncate(sizeBytes)
  for (const at of marks) await file.write(Buffer.from(`mark${String(at).padStart(12)}`), 0, 16, at)
  await file.close()
  return marks
}

export async function digestOfFile(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher('sha256')
  for await (const piece of Bun.file(path).stream()) hash.update(piece)
  return `sha256:${hash.digest('hex')}`
}

const environment = { PATH: process.env['PATH'] ?? '' }

async function throughCurl(
  server: RegistryServer,
  { folder, sizeBytes, tell }: BigOptions,
  file: string,
  marks: readonly number[],
): Promise<readonly string[]> {
  if (!server.login) return ['the appliance has no login']
  const headers = { Authorization: basicOf(server.login) }
  const digest = await digestOfFile(file)
  const base = `${server.origin}/v2/big/curl/blobs`
  const begun = await fetch(`${base}/uploads/`, { method: 'POST', headers })
  const location = new URL(begun.headers.get('location') ?? '', server.origin).href
  const user = ['-sS', '-u', `${server.login.name}:${server.login.password}`]
  const started = performance.now()
  const put = await run(
    [
      ...['curl', ...user, '-T', file, '-o', '/dev/null'],
      '-w',
      '%{http_code}',
      `${location}?digest=${digest}`,
    ],
    { cwd: folder, env: environment },
  )
  tell(`curl pushed in ${Math.round(performance.now() - started)} ms: ${put.stdout}${put.stderr}`)
  if (put.stdout !== '201') return [`the push by curl ended with ${put.stdout} ${put.stderr}`]
  const url = `${base}/${digest}`
  const head = await fetch(url, { method: 'HEAD', headers })
  const findings: string[] = []
  if (head.headers.get('content-length') !== String(sizeBytes)) {
    findings.push(`HEAD tells ${head.headers.get('content-length')} of ${sizeBytes} bytes`)
  }
  for (const at of marks) {
    const part = await fetch(url, { headers: { ...headers, Range: `bytes=${at}-${at + 15}` } })
    const text = await part.text()
    if (part.status !== 206 || !text.startsWith('mark')) {
      findings.push(`the range at ${at} is ${part.status} ${JSON.stringify(text.slice(0, 40))}`)
    }
  }
  const out = join(folder, 'back')
  const pulled = await run(['curl', ...user, '-f', '-o', out, url], {
    cwd: folder,
    env: environment,
  })
  if (pulled.code !== 0) findings.push(`the pull by curl: ${pulled.stderr}`)
  else if ((await digestOfFile(out)) !== digest) findings.push('curl got other bytes back')
  await rm(out, { force: true })
  await fetch(url, { method: 'DELETE', headers })
  return findings
}

async function throughOras(
  server: RegistryServer,
  { folder, tell }: BigOptions,
  file: string,
): Promise<readonly string[]> {
  if (!server.login) return ['the appliance has no login']
  const clients = await createClients(join(folder, 'home'), ['oras'])
  const host = new URL(server.origin).host
  const { name, password } = server.login
  await clients.run(
    ['oras', 'login', '--plain-http', '-u', name, '--password-stdin', host],
    password,
  )
  const started = performance.now()
  const push = ['oras', 'push', '--plain-http', '--no-tty', '--disable-path-validation']
  await clients.run([...push, `${host}/big/oras:1`, file])
  tell(`oras pushed in ${Math.round(performance.now() - started)} ms`)
  const pull = ['oras', 'pull', '--plain-http', '--no-tty', '--allow-path-traversal', '-o', folder]
  // It writes the file to where it came from: what is there must be gone first.
  const digest = await digestOfFile(file)
  await rm(file)
  const begun = performance.now()
  await clients.run([...pull, `${host}/big/oras:1`])
  tell(`oras pulled in ${Math.round(performance.now() - begun)} ms`)
  return (await digestOfFile(file)) === digest ? [] : ['oras got other bytes back']
}

/** Resolves with what was wrong. */
export async function runBig(options: BigOptions): Promise<readonly string[]> {
  const { folder, sizeBytes, built, oras, tell } = options
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'artifact')
  const marks = await makeSparse(file, sizeBytes)
  await using server = await startSlipway({ dataDir: join(folder, 'data'), built })
  const findings = [
    ...(await throughCurl(server, options, file, marks)),
    ...(oras ? await throughOras(server, options, file) : []),
  ]
  const peak = await peakBytes(server.pid)
  tell(`${(sizeBytes / GiB).toFixed(1)} GiB, peak memory ${Math.round(peak / MiB)} MiB`)
  if (peak >= PEAK_BYTES) findings.push(`peak memory was ${Math.round(peak / MiB)} MiB`)
  return findings
}
