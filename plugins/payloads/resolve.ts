// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Fault } from '../../core/faults.ts'
import type { Submission } from '../../core/hooks.ts'
import type { Outbound } from '../../core/outbound.ts'
import { PAYLOAD_FIELDS, PAYLOAD_LIMIT, PayloadReference } from '../../schemas/recipe-payload.ts'
import { readAsset } from './assets.ts'
import { payloadFaults } from './faults.ts'

export interface PayloadSources {
  /** '' : no folder of assets. */
  readonly assetsDir: string
  readonly outbound: Outbound
}

/**
 * Replaces every payload reference of the recipe by its text, so that the task ISO is the same
 * whenever it is made, and says where each came from. A dry run does just the same.
 */
export async function resolvePayloads(
  submission: Pick<Submission, 'recipe' | 'warnings'>,
  sources: PayloadSources,
): Promise<void> {
  for (const field of PAYLOAD_FIELDS) {
    const value = submission.recipe[field]
    if (value === undefined) continue
    const { bytes, from } = await load(field, value, sources)
    if (bytes.byteLength > PAYLOAD_LIMIT) {
      throw payloadFaults.tooLarge(`${field} is larger than ${PAYLOAD_LIMIT} bytes`)
    }
    submission.recipe = { ...submission.recipe, [field]: textOf(field, bytes) }
    if (from !== undefined) {
      const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
      submission.warnings.push(
        `${field} was taken from ${from}: ${bytes.byteLength} bytes, sha256:${sha256}`,
      )
    }
  }
}

interface Loaded {
  readonly bytes: Uint8Array
  /** Undefined: it stood in the recipe. */
  readonly from: string | undefined
}

async function load(field: string, value: unknown, sources: PayloadSources): Promise<Loaded> {
  const encoder = new TextEncoder()
  if (typeof value === 'string') return { bytes: encoder.encode(value), from: undefined }
  const reference = v.parse(PayloadReference, value)
  if ('content' in reference) return { bytes: encoder.encode(reference.content), from: undefined }
  if ('path' in reference) {
    const bytes = await readAsset(sources.assetsDir, reference.path)
    return { bytes, from: `${reference.path} in assets_dir` }
  }
  return sources.outbound
    .fetchBytes(reference.url, { maxBytes: PAYLOAD_LIMIT })
    .catch((cause: unknown) => {
      if (!(cause instanceof Fault)) throw cause
      const message = `${field} can not be taken from its URL: ${cause.message}`
      throw cause.kind.status === 400
        ? payloadFaults.refused(message, { cause })
        : payloadFaults.unreachable(message, { cause })
    })
}

/** The text of the very bytes, a byte order mark included: encoding it again gives them back. */
function textOf(field: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw payloadFaults.notText(`${field} is not text in UTF-8; convert it first`, { cause })
  }
}
