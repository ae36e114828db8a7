// SPDX-License-Identifier: AGPL-3.0-or-later
import { appendFile, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../log.ts'
import { withoutTokens } from '../redact.ts'
import { KiB, MiB, SECOND } from '../units.ts'
import type { BmcExchange } from './bmc.ts'

/** A body longer than this is cut: controllers answer with logs of megabytes. */
const LONGEST_BODY = 32 * KiB
/** A transcript longer than this gets no further lines. */
const LARGEST_BYTES = 16 * MiB
/** Lines wait so long for others of their job: opening a file costs more than a line. */
const GATHER_MS = 2 * SECOND

/**
 * The whole traffic with a controller, a file of JSON lines a job. Files and not rows: it is much,
 * nobody decides by it, and a crash may cost its last lines.
 */
export interface Transcripts {
  /** Takes one exchange of a job; written in order, soon. */
  add(jobId: string, exchange: BmcExchange): void
  /** Resolves when all that was taken so far is written. */
  settled(): Promise<void>
  /** JSON lines; undefined when the job never talked to a controller. */
  read(jobId: string): Promise<Blob | undefined>
  /** Removes those of jobs that are not kept any more. */
  sweep(isKept: (jobId: string) => Promise<boolean>): Promise<void>
}

const cut = (text: string) =>
  text.length <= LONGEST_BODY ? text : `${text.slice(0, LONGEST_BODY)}… (${text.length} characters)`

function lineOf({ sent, answer, error, ...exchange }: BmcExchange): string {
  const entry = {
    ...exchange,
    at: new Date(exchange.at).toISOString(),
    ...(sent === undefined ? {} : { sent: cut(sent) }),
    ...(answer === undefined ? {} : { answer: cut(answer) }),
    ...(error === undefined ? {} : { error }),
  }
  return `${withoutTokens(JSON.stringify(entry))}\n`
}

export async function openTranscripts(folder: string, log: Logger): Promise<Transcripts> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const pathOf = (jobId: string) => join(folder, `${jobId}.jsonl`)
  const waiting = new Map<string, string[]>()
  let writing: Promise<void> | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const append = async (jobId: string, lines: readonly string[]) => {
    const path = pathOf(jobId)
    const known = await stat(path).catch(() => undefined)
    if ((known?.size ?? 0) > LARGEST_BYTES) return
    await appendFile(path, lines.join(''), { mode: 0o600 })
  }

  const write = async () => {
    const round = [...waiting]
    waiting.clear()
    for (const [jobId, lines] of round) {
      await append(jobId, lines).catch((err: unknown) =>
        log.warn({ job: jobId, err }, 'a part of the transcript is lost'),
      )
    }
  }

  /** What waits is written, now; one round after the other. */
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    writing = (writing ?? Promise.resolve()).then(write)
    return writing
  }

  return {
    add(jobId, exchange) {
      const lines = waiting.get(jobId) ?? []
      lines.push(lineOf(exchange))
      waiting.set(jobId, lines)
      timer ??= setTimeout(flush, GATHER_MS)
    },
    settled: flush,
    async read(jobId) {
      await flush()
      const file = Bun.file(pathOf(jobId))
      return (await file.exists()) ? file : undefined
    },
    async sweep(isKept) {
      for (const name of await readdir(folder)) {
        if (!(await isKept(name.replace(/\.jsonl$/, ''))))
          await rm(join(folder, name), { force: true })
      }
    },
  }
}
