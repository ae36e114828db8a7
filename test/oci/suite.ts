// SPDX-License-Identifier: AGPL-3.0-or-later
/** Runs the conformance suite of the distribution specification, and counts what it found. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Login, type RegistryServer, startSlipway } from './servers.ts'

export interface SuiteCounts {
  readonly tests: number
  readonly failed: number
  readonly skipped: number
  readonly disabled: number
}

export interface SuiteRun {
  readonly name: string
  readonly version: 'dev' | '1.1'
  readonly secure: boolean
  readonly login: SuiteLogin
  readonly cacheAuth: boolean
}

/** How the appliance asks for a login. Nobody pushes without one. */
const LOGINS = {
  basic: ['oci.auth=basic'],
  token: ['oci.auth=token'],
  /** Anybody may pull: the suite is asked for its login only when it pushes. */
  open: ['oci.auth=token', 'oci.anonymous_pull=["**"]'],
} as const satisfies Readonly<Record<string, readonly string[]>>
type SuiteLogin = keyof typeof LOGINS

export interface SuiteOutcome extends SuiteCounts {
  readonly run: SuiteRun
  /** Why it counts as failed though nothing failed: no results, a wrong exit code. */
  readonly trouble?: string
}

const bools = [true, false] as const

const logins = Object.keys(LOGINS) as readonly SuiteLogin[]

/** Both versions, by HTTP and TLS, each kind of login, sent at once or only when asked for. */
export const suiteRuns = (): readonly SuiteRun[] =>
  (['dev', '1.1'] as const).flatMap((version) =>
    bools.flatMap((secure) =>
      logins.flatMap((login) =>
        bools.map((cacheAuth) => {
          const name = `${version} ${secure ? 'https' : 'http'} ${login} cache-auth=${cacheAuth}`
          return { name, version, secure, login, cacheAuth }
        }),
      ),
    ),
  )

/** The suite's own variables. In 1.1 the cancel of an upload is off unless asked for. */
export function suiteEnvironment(
  run: SuiteRun,
  at: {
    readonly host: string
    readonly results: string
    readonly login: Login
    readonly at: number
    /** File with the authority behind its certificate. */
    readonly ca: string
  },
): Readonly<Record<string, string>> {
  return {
    OCI_REGISTRY: at.host,
    OCI_TLS: run.secure ? 'insecure' : 'disabled',
    OCI_REPO1: `conformance/run${at.at}/one`,
    OCI_REPO2: `conformance/run${at.at}/two`,
    OCI_USERNAME: at.login.name,
    OCI_PASSWORD: at.login.password,
    OCI_CACHE_AUTH: String(run.cacheAuth),
    OCI_VERSION: run.version,
    OCI_DATA_SPARSE: 'true',
    OCI_API_BLOBS_UPLOAD_CANCEL: 'true',
    OCI_RESULTS_DIR: at.results,
    // The suite of 2026 knows the word `insecure`, and checks the certificate all the same.
    ...(run.secure ? { SSL_CERT_FILE: at.ca } : {}),
  }
}

const KEYS = ['tests', 'failures', 'errors', 'skipped', 'disabled'] as const

/** The counts of a JUnit file: of its outer element, or the sum over its suites. Throws when it has none. */
export function readSuiteJunit(xml: string): SuiteCounts {
  const outer = /<testsuites\b([^>]*)>/.exec(xml)?.[1] ?? ''
  const heads = / tests="\d+"/.test(outer)
    ? [outer]
    : [...xml.matchAll(/<testsuite\b([^>]*)>/g)].map(([, head = '']) => head)
  if (heads.length === 0) throw new Error('junit.xml names no suite')
  const [tests = 0, failures = 0, errors = 0, skipped = 0, disabled = 0] = KEYS.map((key) =>
    heads
      .map((head) => Number(new RegExp(` ${key}="(\\d+)"`).exec(head)?.[1] ?? 0))
      .reduce((total, count) => total + count, 0),
  )
  return { tests, failed: failures + errors, skipped, disabled }
}

const NOTHING: SuiteCounts = { tests: 0, failed: 0, skipped: 0, disabled: 0 }

/** What makes a run without failed tests a failed one all the same. */
function troubleOf({ tests, failed }: SuiteCounts, code: number): string | undefined {
  if (tests === 0) return 'the suite ran no test'
  if (code !== 0 && failed === 0) return `no test failed, but the suite ended with ${code}`
  return undefined
}

async function runSuite(
  suite: string,
  run: SuiteRun,
  environment: Readonly<Record<string, string>>,
  results: string,
): Promise<SuiteOutcome> {
  await rm(results, { recursive: true, force: true })
  await mkdir(results, { recursive: true })
  const output = Bun.file(join(results, 'output.txt'))
  const child = Bun.spawn([suite], {
    cwd: results,
    env: { PATH: process.env['PATH'] ?? '', HOME: results, ...environment },
    stdio: ['ignore', output, output],
  })
  const code = await child.exited
  try {
    const counts = readSuiteJunit(await Bun.file(join(results, 'junit.xml')).text())
    const trouble = troubleOf(counts, code)
    return { run, ...counts, ...(trouble ? { trouble } : {}) }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { run, ...NOTHING, trouble: `no results after exit code ${code}: ${why}` }
  }
}

export interface SuiteParts {
  /** Path of the suite's program. */
  readonly suite: string
  readonly runs: readonly SuiteRun[]
  /** Results are kept below it, a folder a run. */
  readonly folder: string
  readonly built: boolean
  readonly tell: (outcome: SuiteOutcome) => void
}

async function runAll(
  server: RegistryServer,
  { suite, folder, tell }: SuiteParts,
  runs: readonly SuiteRun[],
): Promise<SuiteOutcome[]> {
  const outcomes: SuiteOutcome[] = []
  for (const [at, run] of runs.entries()) {
    const results = join(folder, run.name.replaceAll(/[^\w.=-]+/g, '-'))
    const origin = run.secure ? server.secure : server.origin
    if (!origin || !server.login) throw new Error('the appliance has no TLS, or no login')
    const environment = suiteEnvironment(run, {
      ...{ host: new URL(origin).host, results, at, login: server.login },
      ca: join(server.dataDir, 'keys/ca.pem'),
    })
    const outcome = await runSuite(suite, run, environment, results)
    tell(outcome)
    outcomes.push(outcome)
  }
  return outcomes
}

/** The suite pushes an image that lacks a layer: only where anything may be missing is that taken. */
const SPARSE = 'oci.sparse=all'

/** A fresh appliance for each kind of login. */
export async function conformance(parts: SuiteParts): Promise<readonly SuiteOutcome[]> {
  const { built, runs, folder } = parts
  const outcomes: SuiteOutcome[] = []
  for (const login of logins) {
    const some = runs.filter((run) => run.login === login)
    if (some.length === 0) continue
    const dataDir = join(folder, `data-${login}`)
    await rm(dataDir, { recursive: true, force: true })
    await using server = await startSlipway({ dataDir, built, set: [SPARSE, ...LOGINS[login]] })
    outcomes.push(...(await runAll(server, parts, some)))
    await server.stop()
  }
  return outcomes
}
