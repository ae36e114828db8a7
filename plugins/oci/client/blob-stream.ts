// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../../core/faults.ts'
import { checkDigest, type DigestCheck } from './digest-check.ts'
import { clientFaults } from './faults.ts'
import type { Descriptor } from './manifest.ts'
import { networkFault } from './network-fault.ts'
import { startPatience } from './patience.ts'
import type { Registry } from './registry.ts'
import { patienceFor, type TransferOptions } from './transfer.ts'

export interface StreamOptions extends TransferOptions {
  readonly fromBytes?: number
  readonly toBytes?: number
  /** Has seen everything before `fromBytes`; without it a part is not checked. */
  readonly check?: DigestCheck
}

/**
 * The bytes of a blob, in constant memory: goes on where a connection was cut. A whole blob is
 * checked on the way, so the last piece must not be believed before the end: a wrong digest throws
 * `oci-client.digest` after it.
 */
export async function* streamBlob(
  registry: Registry,
  repository: string,
  blob: Descriptor,
  options: StreamOptions,
): AsyncGenerator<Uint8Array> {
  const { fromBytes = 0, toBytes = blob.size, signal } = options
  const check =
    options.check ?? (toBytes - fromBytes === blob.size ? checkDigest(blob.digest) : undefined)
  const patience = startPatience(patienceFor(blob, options))
  let at = fromBytes
  while (at < toBytes) {
    try {
      const end = toBytes === blob.size ? undefined : toBytes
      const part = await registry.readBlob(repository, blob.digest, at, end, signal)
      for await (const piece of wanted(part, at, toBytes)) {
        check?.update(piece)
        at += piece.byteLength
        patience.moved()
        yield piece
      }
      if (at < toBytes) throw clientFaults.unreachable(`${registry.origin} ended a blob too early`)
    } catch (error) {
      signal?.throwIfAborted()
      await patience.after(asFault(error, registry.origin))
    }
  }
  if (toBytes === blob.size) check?.settle(`the blob from ${registry.origin}`)
}

/** A body that broke off has a code of the network; anything else is a bug and stays one. */
function asFault(error: unknown, origin: string): unknown {
  if (error instanceof Fault || !(error instanceof Error) || !('code' in error)) return error
  return networkFault(new URL(origin), error)
}

/** Skips what a registry without ranges sends again, and stops where we want no more. */
async function* wanted(
  { fromBytes, body }: { fromBytes: number; body: AsyncIterable<Uint8Array> },
  at: number,
  toBytes: number,
): AsyncGenerator<Uint8Array> {
  if (fromBytes > at) throw clientFaults.protocol('the registry gave another part than asked for')
  let place = fromBytes
  for await (const piece of body) {
    const from = Math.max(0, at - place)
    const to = Math.min(piece.byteLength, toBytes - place)
    place += piece.byteLength
    if (from < to) yield piece.subarray(from, to)
    if (place >= toBytes) return
  }
}
