// SPDX-License-Identifier: AGPL-3.0-or-later
/** `scripts/conformance`, with the suite, and with a stand-in for it: a program that logs in as the suite would. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { goToolAvailable } from './go-tools.ts'
import { readSuiteJunit, suiteEnvironment, suiteRuns } from './suite.ts'

const ROOT = resolve(import.meta.dir, '../..')
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-suite-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Reaches the registry by the suite's variables, and reports one test that passed if it was let in. */
const STAND_IN = `#!/usr/bin/env bash
set -eu
case $OCI_TLS in insecure) scheme=https ;; *) scheme=http ;; esac
login=()
[ -z "\${OCI_USERNAME:-}" ] || login=(-u "$OCI_USERNAME:$OCI_PASSWORD")
code=$(curl -sk "\${login[@]}" -o /dev/null -w '%{http_code}' -X POST \\
  "$scheme://$OCI_REGISTRY/v2/$OCI_REPO1/blobs/uploads/")
failures=0
[ "$code" = 202 ] || failures=1
[ "$OCI_DATA_SPARSE" = true ] || failures=1
case $OCI_VERSION in dev | 1.1) ;; *) failures=1 ;; esac
cat >"$OCI_RESULTS_DIR/junit.xml" <<XML
<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="1" failures="$failures" errors="0" disabled="DISABLED" skipped="SKIPPED" time="0.1">
</testsuites>
XML
exit EXIT
`

async function standIn(name: string, over: Readonly<Record<string, string>> = {}) {
  const text = Object.entries({ DISABLED: '0', SKIPPED: '0', EXIT: '"$failures"', ...over }).reduce(
    (script, [word, value]) =>
      script.replaceAll(
        word === 'EXIT' ? 'EXIT' : `"${word}"`,
        word === 'EXIT' ? value : `"${value}"`,
      ),
    STAND_IN,
  )
  const path = join(folder, name)
  await writeFile(path, text, { mode: 0o755 })
  return path
}

async function script(...args: string[]) {
  const child = Bun.spawn([process.execPath, 'scripts/conformance.ts', '--source', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ])
  return { code, lines: stdout.trim().split('\n'), stderr }
}

test('a run of the suite that is clean, with a login, by HTTP and TLS, ends with 0', async () => {
  const suite = await standIn('clean')
  const { code, lines, stderr } = await script('--suite', suite, '--only', 'basic')
  expect(stderr).toBe('')
  expect(lines.slice(0, -1).every((line) => line.includes('1 tests, 0 failed'))).toBe(true)
  expect(lines.at(-1)).toBe('8 runs, 8 tests: 0 failed, 0 skipped, 0 disabled')
  expect(code).toBe(0)
}, 60_000)

test.each([
  ['skipped', { SKIPPED: '2' }, '0 failed, 2 skipped, 0 disabled'],
  ['disabled', { DISABLED: '3' }, '0 failed, 0 skipped, 3 disabled'],
  ['ended', { EXIT: '7' }, '1 failed, 0 skipped, 0 disabled'],
])(
  'a suite whose tests were %s ends with 1',
  async (name, over, counts) => {
    const suite = await standIn(name, over)
    const only = 'dev http basic cache-auth=true'
    const { code, lines, stderr } = await script('--suite', suite, '--only', only)
    expect([stderr, lines.at(-1)]).toEqual(['', `1 runs, 1 tests: ${counts}`])
    expect(code).toBe(1)
  },
  60_000,
)

test('a suite that leaves no results ends with 1 and says so', async () => {
  const path = join(folder, 'silent')
  await writeFile(path, '#!/bin/sh\nexit 0\n', { mode: 0o755 })
  const only = 'dev http basic cache-auth=true'
  const { code, lines } = await script('--suite', path, '--only', only)
  expect(lines[0]).toContain('no results after exit code 0')
  expect([code, lines.at(-1)]).toEqual([1, '1 runs, 0 tests: 1 failed, 0 skipped, 0 disabled'])
}, 60_000)

test('a suite that is not there is named', async () => {
  const { code, stderr } = await script('--suite', '/nowhere/conformance')
  expect([code, stderr.trim()]).toEqual([2, 'there is no /nowhere/conformance'])
})

const WHY = goToolAvailable('conformance') ? '' : ' (skipped: it was not built, and there is no Go)'

test.skipIf(WHY !== '')(
  `the specification’s own suite fails, skips and disables nothing, by basic and by token${WHY}`,
  async () => {
    for (const only of ['dev http basic cache-auth=true', '1.1 https token cache-auth=false']) {
      const { code, lines, stderr } = await script('--only', only)
      expect(stderr).toBe('')
      expect(lines.at(-1)).toMatch(/^1 runs, \d{3,} tests: 0 failed, 0 skipped, 0 disabled$/)
      expect(code).toBe(0)
    }
  },
  300_000,
)

describe('what the suite is told', () => {
  test('both versions, both doors, each kind of login, and both ways to send it', () => {
    const runs = suiteRuns()
    expect(runs).toHaveLength(24)
    expect(new Set(runs.map(({ name }) => name)).size).toBe(24)
  })

  test('the variables are those of the suite', () => {
    const [run] = suiteRuns()
    if (!run) throw new Error('there is no run')
    const login = { name: 'ci', password: 'secret' }
    const at = { host: '127.0.0.1:1', results: '/r', login, at: 3, ca: '/ca.pem' }
    expect(suiteEnvironment(run, at)).toEqual({
      OCI_REGISTRY: '127.0.0.1:1',
      OCI_TLS: 'insecure',
      OCI_REPO1: 'conformance/run3/one',
      OCI_REPO2: 'conformance/run3/two',
      OCI_USERNAME: 'ci',
      OCI_PASSWORD: 'secret',
      OCI_CACHE_AUTH: 'true',
      OCI_VERSION: 'dev',
      OCI_DATA_SPARSE: 'true',
      OCI_API_BLOBS_UPLOAD_CANCEL: 'true',
      OCI_RESULTS_DIR: '/r',
      SSL_CERT_FILE: '/ca.pem',
    })
  })
})

describe('what the suite reports', () => {
  test.each([
    [
      'the outer element',
      '<testsuites tests="904" failures="1" errors="2" disabled="3" skipped="4"><testsuite tests="9"/>',
      { tests: 904, failed: 3, skipped: 4, disabled: 3 },
    ],
    [
      'the sum of the suites',
      '<testsuites><testsuite name="a" tests="2" failures="1"/><testsuite tests="3" skipped="1" errors="1">',
      { tests: 5, failed: 2, skipped: 1, disabled: 0 },
    ],
  ])('counts are of %s', (_, xml, counts) => {
    expect(readSuiteJunit(xml)).toEqual(counts)
  })

  test('a file without a suite is no result', () => {
    expect(() => readSuiteJunit('<html>')).toThrow('names no suite')
  })
})
