// SPDX-License-Identifier: AGPL-3.0-or-later
import undici from 'undici/index.js'
import * as v from 'valibot'
import { openFileSource, openIso } from '../../plugins/iso/index.ts'
import { JobDocument } from '../../schemas/job-document.ts'

/** A machine of which only the network is there: it says what a dispatcher would. */
export interface PlayedMachine extends AsyncDisposable {
  readonly job: JobDocument
  claim(): Promise<number>
  /** Progress or end, to the webhook. */
  report(report: Readonly<Record<string, unknown>>): Promise<number>
}

async function jobOf(taskIsoPath: string): Promise<JobDocument> {
  await using source = await openFileSource(taskIsoPath)
  const image = await openIso(source)
  const text = new TextDecoder().decode(await image.readFile('/job.json'))
  return v.parse(JobDocument, JSON.parse(text))
}

/** Reads the task medium and speaks as it says, trusting the CA on it and nothing else. */
export async function playMachine(taskIsoPath: string): Promise<PlayedMachine> {
  const job = await jobOf(taskIsoPath)
  const [base = ''] = job.base_urls
  const agent = new undici.Agent({ connect: { ca: job.ca_pem ?? '' } })
  const post = async (path: string, body: unknown) => {
    const answer = await undici.request(`${base}${path}`, {
      method: 'POST',
      dispatcher: agent,
      headers: { authorization: `Bearer ${job.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    await answer.body.dump()
    return answer.statusCode
  }
  const [serial] = job.serials
  const [nonce, boot_id] = [crypto.randomUUID(), crypto.randomUUID()]
  return {
    job,
    claim: () => post(job.claim_url, { nonce, boot_id, serial, target_disk: { path: '/dev/sda' } }),
    report: (report) => post(job.report_url, report),
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}
