// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Glob } from 'bun'

/** What the DMTF's service validator said of one service. */
export interface Verdict {
  /** Properties that are as their schema wants them. */
  readonly passed: number
  /** Failed ones, `URI /path: kind: sentence`, in order. */
  readonly failed: readonly string[]
}

export interface Service {
  readonly url: string
  readonly user: string
  readonly password: string
}

const SUBJECT = / - Validating (\S+?)\.\.\.$/
const FINDING = / - ERROR - FAIL - (\/\S*) \(.*?\): ((?:[\w/]+ )+Error: .*)$/

/** Runs the validator over the whole tree that begins at the service root. `schemas` holds CSDL files. */
export async function validateService(
  bin: string,
  schemas: string,
  { url, user, password }: Service,
): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-validator-'))
  try {
    const account = [
      '--user',
      user,
      `--password=${password}`,
      '--rhost',
      url,
      '--authtype',
      'Basic',
    ]
    const files = ['--skipschema', '--schema_directory', schemas, '--logdir', folder]
    const child = Bun.spawn([join(bin, 'rf_service_validator'), ...account, ...files], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const errors = await child.stderr.text()
    await child.exited
    const [log] = await Array.fromAsync(new Glob('*/*.log').scan(folder))
    if (!log) throw new Error(`the validator wrote no log: ${errors}`)
    return verdictOf(await Bun.file(join(folder, log)).text())
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function verdictOf(log: string): Verdict {
  let uri = ''
  let passed = 0
  const failed: string[] = []
  for (const line of log.split('\n')) {
    uri = SUBJECT.exec(line)?.[1] ?? uri
    if (line.includes(' - INFO - PASS - ')) passed++
    const [, path, what] = FINDING.exec(line) ?? []
    if (path !== undefined && what !== undefined) failed.push(`${uri} ${path}: ${what}`)
    else if (line.includes(' - FAIL - ')) failed.push(`${uri} ${line.split(' - FAIL - ')[1]}`)
  }
  return { passed, failed }
}
