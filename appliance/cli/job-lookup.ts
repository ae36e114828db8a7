// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ArgumentSpec } from '../../core/command.ts'
import type { JobList } from '../../schemas/job.ts'
import type { Client } from './client.ts'
import { EXIT } from './exit.ts'
import { CliProblem } from './problem.ts'

/** For commands that only read: a machine's serial stands for its newest job. */
export const JOB_OR_SERIAL: ArgumentSpec = {
  name: 'JOB',
  summary: 'id of the job, or the serial of a machine for its newest job',
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The id of the job that is meant. Throws what the API says, or that the machine had no job yet. */
export async function jobId(client: Client, word: string): Promise<string> {
  if (UUID.test(word)) return word.toLowerCase()
  const query = { serial: word, limit: '1' }
  const { jobs } = await client.json<JobList>('GET', '/api/v1/jobs', { query })
  const [newest] = jobs
  if (newest) return newest.job_id
  const message = `\`${word}\` is no job id, and there is no job of a machine with that serial`
  throw new CliProblem(EXIT.notFound, { error: 'not_found', code: 'cli.no-job', message })
}
