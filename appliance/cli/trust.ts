// SPDX-License-Identifier: AGPL-3.0-or-later
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writePrivateFile } from '../../core/private-file.ts'
import { EXIT } from './exit.ts'
import { CliProblem, failure, usageProblem } from './problem.ts'
import { clientFolder } from './profiles.ts'
import { canAsk, confirm } from './prompt.ts'
import type { Target } from './target.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Codes of a certificate that no CA we know has signed. */
const UNKNOWN_ISSUER = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
])

export function isUnknownIssuer(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && UNKNOWN_ISSUER.has(code)
}

/** A CA that we believe for one appliance. */
export interface Trust {
  readonly pem: string
  /** Where we have it from, for people: a file, or the option that named it. */
  readonly source: string
}

/** The CA to believe for this target; undefined: those that the runtime knows. */
export async function trustedCa(target: Target, env: Env): Promise<Trust | undefined> {
  const { url, caFile, fingerprint } = target
  if (caFile) return { pem: await readCa(caFile), source: caFile }
  if (!url.startsWith('https:')) return undefined
  if (fingerprint) return { pem: await caByFingerprint(url, fingerprint), source: '--fingerprint' }
  const source = rememberedFile(url, env)
  const pem = await readFile(source, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  })
  return pem === undefined ? undefined : { pem, source }
}

/** Reads a PEM file and checks that it holds a certificate. */
export async function readCa(path: string): Promise<string> {
  const pem = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw failure('ca-file', `cannot read the CA ${path}: ${(cause as Error).message}`, cause)
  })
  caFingerprint(pem, path)
  return pem
}

/** SHA-256 of the first certificate, upper-case hex pairs with colons. */
export function caFingerprint(pem: string, where: string): string {
  try {
    return new X509Certificate(pem).fingerprint256
  } catch (cause) {
    throw failure('ca', `${where} holds no certificate in PEM form`, cause)
  }
}

/**
 * Fetches the CA of an appliance that we cannot check yet, and takes it only when it is the one
 * that was named. No credential goes over this connection.
 */
export async function caByFingerprint(url: string, fingerprint: string): Promise<string> {
  const wanted = fingerprint.replaceAll(/[^0-9A-Fa-f]/g, '').toUpperCase()
  if (wanted.length !== 64) throw usageProblem('a fingerprint is SHA-256: 32 hex pairs')
  const pem = await fetchUnchecked(url)
  const found = caFingerprint(pem, url)
  if (found.replaceAll(':', '') === wanted) return pem
  throw untrusted(
    `the CA of ${url} has the fingerprint ${found}, not the one given: this is another appliance, or somebody in between`,
  )
}

/**
 * First contact at a terminal: shows the CA's fingerprint and asks. A yes is remembered for this
 * origin. Returns undefined where nobody can be asked.
 */
export async function trustOnFirstUse(url: string, env: Env): Promise<Trust | undefined> {
  if (!canAsk()) return undefined
  const pem = await fetchUnchecked(url)
  process.stderr.write(
    `${url} is not known here. Its CA has the SHA-256 fingerprint\n  ${caFingerprint(pem, url)}\n(\`slipway ca export\` on the appliance shows the same).\n`,
  )
  if (!(await confirm('Trust it from now on?'))) throw untrusted(`${url} is not trusted`)
  const source = rememberedFile(url, env)
  await writePrivateFile(source, pem)
  return { pem, source }
}

export function untrusted(message: string, cause?: unknown): CliProblem {
  const document = { error: 'unavailable', code: 'cli.untrusted', message }
  return new CliProblem(EXIT.unreachable, document, cause === undefined ? {} : { cause })
}

/** The open route that gives the CA away. What it says is worth nothing until it was compared. */
async function fetchUnchecked(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/api/v1/ca.pem`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(15_000),
      tls: { rejectUnauthorized: false },
    })
    if (response.ok) return await response.text()
    throw new Error(`it answered ${response.status}`)
  } catch (cause) {
    throw untrusted(`cannot get the CA of ${url}: ${(cause as Error).message}`, cause)
  }
}

function rememberedFile(url: string, env: Env): string {
  const name = new URL(url).host.replaceAll(/[^A-Za-z0-9.-]/g, '_')
  return join(clientFolder(env), 'trusted', `${name}.pem`)
}
