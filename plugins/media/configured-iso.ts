// SPDX-License-Identifier: AGPL-3.0-or-later
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import type { Logger } from '../../core/log.ts'
import { shownUrl } from '../../core/outbound-guard.ts'
import { writePrivateFile } from '../../core/private-file.ts'
import { retry } from '../../core/retry.ts'
import { digest } from '../../core/seal.ts'
import { MINUTE, MiB, SECOND } from '../../core/units.ts'
import { download } from './download.ts'
import { mediaFaults } from './faults.ts'
import { type MaintenanceRecord, Sha256 } from './maintenance-record.ts'
import type { Incoming, MaintenanceStore } from './maintenance-store.ts'

/** What was last taken from the configured place; a person may have imported another ISO since. */
const Taken = v.object({
  /** SHA-256 of what is configured: a URL may hold credentials. */
  sourceDigest: Sha256,
  version: v.string(),
  sha256: Sha256,
})

const RETRY_PAUSE_MS = 30 * SECOND
const LONGEST_PAUSE_MS = 15 * MINUTE

export interface ConfiguredIso {
  /** Resolves after the first attempt, whatever came of it. */
  readonly firstAttempt: Promise<void>
  /** The sentence that says why it is not there; undefined once it is. */
  missing(): string | undefined
}

export interface ConfiguredParts {
  /** Path or http(s) URL. */
  readonly source: string
  /** '' : not checked. */
  readonly sha256: string
  readonly folder: string
  readonly store: MaintenanceStore
  readonly log: Logger
  readonly signal: AbortSignal
  /** For tests: the pause before the second attempt. */
  readonly pauseMs?: number
}

const isUrl = (source: string) => /^https?:\/\//.test(source)

/** A file's version is its size and time; a URL is fetched once. */
async function versionOf(source: string): Promise<string> {
  if (isUrl(source)) return 'url'
  const { size, mtimeMs } = await stat(source).catch((cause: unknown) => {
    throw mediaFaults.source(`${source} can not be read: check media.maintenance_iso`, { cause })
  })
  return `${size} ${mtimeMs}`
}

/** What was taken last, undefined when nothing was or the note of it is damaged: then it is taken anew. */
async function lastTaken(path: string): Promise<v.InferOutput<typeof Taken> | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Taken), text)
  return parsed.success ? parsed.output : undefined
}

/** Takes the configured ISO if it is not what was taken last, and says whether it did. */
async function take({ source, sha256, folder, store, signal }: ConfiguredParts): Promise<boolean> {
  const stampPath = join(folder, 'configured.json')
  const shown = isUrl(source) ? shownUrl(new URL(source)) : resolve(source)
  const sourceDigest = digest(source)
  const version = await versionOf(source)
  const last = await lastTaken(stampPath)
  const same =
    last?.sourceDigest === sourceDigest &&
    last.version === version &&
    (sha256 === '' || last.sha256 === sha256)
  // A record or file that was damaged is as good as none: take it anew.
  if (same && (await store.current().catch(() => undefined))) return false

  const put = (
    body: AsyncIterable<Uint8Array>,
    announcedBytes: number,
  ): Promise<MaintenanceRecord> => {
    // Whoever configures it has chosen it, and an appliance that was just updated must have something to boot.
    const incoming: Incoming = { body, source: shown, announcedBytes, anyBuild: true }
    return store.import(sha256 === '' ? incoming : { ...incoming, sha256 })
  }
  const taken = isUrl(source)
    ? await download(source, signal, put)
    : await put(
        createReadStream(source, { signal, highWaterMark: MiB }),
        Number(version.split(' ')[0]),
      )
  const stamp: v.InferOutput<typeof Taken> = { sourceDigest, version, sha256: taken.sha256 }
  await writePrivateFile(stampPath, JSON.stringify(stamp))
  return true
}

/** Takes the configured ISO in the background, and tries again until it has it or the signal ends it. */
export function takeConfiguredIso(parts: ConfiguredParts): ConfiguredIso & { done: Promise<void> } {
  const { log, signal, source } = parts
  const first = Promise.withResolvers<void>()
  let missing: string | undefined = 'the configured maintenance ISO is still being imported'
  const attempt = async () => {
    if (await take(parts)) log.info('the configured maintenance ISO was imported')
    missing = undefined
  }
  const failed = (err: unknown) => {
    missing = sentence(err)
    log.warn({ err }, 'the configured maintenance ISO is not there; trying again')
    first.resolve()
  }
  const plan = {
    attempts: Number.POSITIVE_INFINITY,
    pauseMs: parts.pauseMs ?? RETRY_PAUSE_MS,
    longestPauseMs: LONGEST_PAUSE_MS,
    signal,
    again: () => true,
    onRetry: failed,
  }
  const done = (source === '' ? Promise.resolve() : retry(plan, attempt))
    .catch((err: unknown) => {
      if (!signal.aborted) throw err
    })
    .finally(first.resolve)
  if (source === '') missing = undefined
  return { firstAttempt: first.promise, missing: () => missing, done }
}
