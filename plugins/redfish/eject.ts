// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Answer, told } from './answer.ts'
import type { VirtualDrive } from './drives.ts'
import { redfishFaults } from './faults.ts'
import type { MediaParts } from './media.ts'
import { order } from './order.ts'
import { patch } from './patch.ts'
import { generalFault } from './refusal.ts'
import { awaitTask } from './task.ts'
import { waitFor } from './wait.ts'

/** Empty, or holding what is not ours. A drive that shows no URL may hold ours. */
const isOut = ({ drive }: VirtualDrive, ours: (imageUrl: string) => boolean) =>
  !drive.inserted || (drive.image !== undefined && !ours(drive.image))

/** The ways to take an image out, best first. */
function waysOut(parts: MediaParts, virtual: VirtualDrive, signal: AbortSignal) {
  const { client } = parts
  const { ejectTarget, drive, etag } = virtual
  const fresh = async () => (await parts.read(drive.uri, signal)).etag
  const target = { uri: drive.uri, etag, fresh }
  const byPatch = (body: unknown) => () => patch(client, target, { body }, signal)
  const patches = [byPatch({ Image: null, Inserted: false }), byPatch({ Image: null })]
  if (ejectTarget === undefined) return patches
  return [
    // iLO answers 400 or 415 to an eject without a JSON body (sushy virtual_media.py); others take none.
    () => client.send('POST', ejectTarget, signal, { body: {} }),
    () => client.send('POST', ejectTarget, signal),
  ]
}

/** Gives the order in the way that the controller takes. Throws `redfish.eject` when it takes none and the image is still in. */
async function giveOrder(
  parts: MediaParts,
  virtual: VirtualDrive,
  ours: (imageUrl: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { client, options } = parts
  const { drive } = virtual
  let refused: Answer | undefined
  for (const way of waysOut(parts, virtual, signal)) {
    const answer = await order(parts, signal, way)
    if (answer.ok) {
      const plan = { pollMs: options.pollMs, limitMs: options.ejectTimeoutMs }
      return awaitTask(client, answer, `Eject from drive ${drive.id}`, plan, signal)
    }
    refused = answer
    // Many refuse the eject of an empty drive: then there is nothing left to do.
    if (isOut(await parts.read(drive.uri, signal), ours)) return
    if (![400, 405, 415].includes(answer.status)) break
  }
  if (!refused) return
  throw (
    generalFault(refused) ??
    redfishFaults.eject(
      `${told(refused)}: drive ${drive.id} still holds its image. Eject it on the controller's own page.`,
    )
  )
}

/** The family's own eject, where it has one. What it throws stands only while the image is in. */
async function giveOemOrder(
  parts: MediaParts,
  virtual: VirtualDrive,
  ours: (imageUrl: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { drive } = virtual
  const standard = () => giveOrder(parts, virtual, ours, signal)
  const { eject = standard } = parts.oem.actions
  try {
    await eject({ oem: parts.oem.open(signal), drive, standard })
  } catch (error) {
    signal.throwIfAborted()
    if (!isOut(await parts.read(drive.uri, signal), ours)) throw error
  }
}

/** Takes the image out of a drive and looks that it is out; `stale` when the drive still shows it at the end. */
export async function ejectMedia(
  parts: MediaParts,
  uri: string,
  ours: (imageUrl: string) => boolean,
  signal: AbortSignal,
): Promise<'confirmed' | 'stale'> {
  const virtual = await parts.read(uri, signal)
  if (isOut(virtual, ours)) return 'confirmed'
  await giveOemOrder(parts, virtual, ours, signal)
  const { pollMs, ejectTimeoutMs: limitMs } = parts.options
  const out = await waitFor({ pollMs, limitMs, signal }, async () =>
    isOut(await parts.read(uri, signal), ours) ? true : undefined,
  )
  if (out) return 'confirmed'
  parts.note(
    'warn',
    `The BMC ${parts.client.host} took the eject, but drive ${virtual.drive.id} still shows its image after ${limitMs / 1_000} s.`,
  )
  return 'stale'
}
