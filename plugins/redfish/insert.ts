// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Answer, told } from './answer.ts'
import type { VirtualDrive } from './drives.ts'
import { ejectMedia } from './eject.ts'
import { redfishFaults } from './faults.ts'
import { createLadder, type InsertBody } from './ladder.ts'
import type { MediaParts } from './media.ts'
import { saysOccupied } from './messages.ts'
import { order } from './order.ts'
import { patch } from './patch.ts'
import { generalFault } from './refusal.ts'
import { awaitTask } from './task.ts'
import { waitFor } from './wait.ts'

/** The ladder has five rungs to add and as many to drop; more answers teach nothing. */
const MOST_BODIES = 12

/** The same path: host and port may be written otherwise (xFusion 2288H V7 drops the port), or be left out. */
export function showsImage(shown: string, imageUrl: string): boolean {
  if (shown === imageUrl) return true
  const path = new URL(imageUrl).pathname
  const shownPath = URL.parse(shown)?.pathname ?? shown
  return shownPath === path || shownPath === path.slice(1) || shownPath === path.split('/').at(-1)
}

/** Whatever is in is in the way. */
const everything = () => true

/** Sends bodies until one is taken. Returns the answer of the last one. */
async function climb(
  parts: MediaParts,
  virtual: VirtualDrive,
  imageUrl: string,
  signal: AbortSignal,
): Promise<Answer> {
  const { client, rules } = parts
  // Some answer only when the whole image has been fetched (sushy-tools).
  const timeoutMs = parts.options.insertTimeoutMs
  const { drive, insertTarget, required, etag } = virtual
  const fresh = async () => (await parts.read(drive.uri, signal)).etag
  const target = { uri: drive.uri, etag, fresh }
  const by = insertTarget === undefined ? 'patch' : 'action'
  const ladder = createLadder({ imageUrl, rules, required, by })
  let body: InsertBody = ladder.first
  let ejected = false
  for (let bodies = 1; ; bodies++) {
    const sent = body
    const answer = await order(parts, signal, () =>
      insertTarget === undefined
        ? patch(client, target, { body: sent, timeoutMs }, signal)
        : client.send('POST', insertTarget, signal, { body: sent, timeoutMs }),
    )
    if (answer.ok || bodies === MOST_BODIES) return answer
    if (!ejected && (answer.status === 409 || saysOccupied(answer.messages))) {
      // Read as empty a moment ago: firmware that shows less than it holds.
      await forceOut(parts, virtual, signal)
      ejected = true
      continue
    }
    const next = answer.status === 405 ? undefined : ladder.next(sent, answer.messages)
    if (!next) return answer
    body = next
  }
}

/** An eject that does not ask the drive whether it is needed: the controller said so. */
async function forceOut(
  parts: MediaParts,
  { drive, ejectTarget }: VirtualDrive,
  signal: AbortSignal,
) {
  const { client } = parts
  if (ejectTarget === undefined) return
  parts.note('info', `Drive ${drive.id} says that it is taken: ejecting it first.`)
  const answer = await order(parts, signal, () =>
    client.send('POST', ejectTarget, signal, { body: {} }),
  )
  const plan = { pollMs: parts.options.pollMs, limitMs: parts.options.ejectTimeoutMs }
  if (answer.ok) await awaitTask(client, answer, `Eject from drive ${drive.id}`, plan, signal)
}

/**
 * A 2xx alone proves nothing. Shown: fine. Another image: throws. Nothing: some firmware shows
 * nothing (terraform-provider-redfish #331); whether the BMC reads our media decides.
 */
async function confirm(parts: MediaParts, uri: string, imageUrl: string, signal: AbortSignal) {
  const { pollMs, insertConfirmMs: limitMs } = parts.options
  let last: VirtualDrive['drive'] | undefined
  const shown = await waitFor({ pollMs, limitMs, signal }, async () => {
    last = (await parts.read(uri, signal)).drive
    const right = last.inserted && (last.image === undefined || showsImage(last.image, imageUrl))
    return right || undefined
  })
  if (shown) return
  const where = `drive ${last?.id ?? uri} of the BMC ${parts.client.host}`
  if (last?.inserted)
    throw redfishFaults.insertWithoutEffect(
      `The insert was answered well, but ${where} shows another image than ours: eject it on the controller's own page.`,
    )
  parts.note(
    'warn',
    `The insert was answered well, but ${where} still reads empty: whether it reads our image will show.`,
  )
}

/** The standard's action, or a PATCH. Throws `redfish.insert` when the drive does not take the image. */
async function insertByStandard(
  parts: MediaParts,
  virtual: VirtualDrive,
  imageUrl: string,
  signal: AbortSignal,
): Promise<void> {
  const { client, options } = parts
  const { drive } = virtual
  const answer = await climb(parts, virtual, imageUrl, signal)
  // A listed drive for other use: Cisco UCS answers 400 (ironic bug 2031595), C845A M8 405.
  if (answer.status === 400 || answer.status === 405) parts.refusing.add(drive.uri)
  if (!answer.ok)
    throw (
      generalFault(answer) ??
      redfishFaults.insert(
        `Drive ${drive.id} did not take the image. ${told(answer)}. Check that the BMC can reach this box at the image's address.`,
      )
    )
  const plan = { pollMs: options.pollMs, limitMs: options.insertTimeoutMs }
  await awaitTask(client, answer, `Insert into drive ${drive.id}`, plan, signal)
}

/** Puts the image into the drive, whatever was in it, and looks that it is there. */
export async function insertMedia(
  parts: MediaParts,
  uri: string,
  imageUrl: string,
  signal: AbortSignal,
): Promise<void> {
  const { client, note, oem } = parts
  // `Inserted` may be left from before: never believed, always out first (ironic note fix-redfish-vmedia-stale-insert-skip).
  await ejectMedia(parts, uri, everything, signal)
  const virtual = await parts.read(uri, signal)
  const { drive } = virtual
  // What the family did before may have changed what the drive offers.
  const standard = async () =>
    insertByStandard(parts, await parts.read(uri, signal), imageUrl, signal)
  if (oem.actions.insert)
    await oem.actions.insert({ oem: oem.open(signal), drive, imageUrl, standard })
  else await insertByStandard(parts, virtual, imageUrl, signal)
  await confirm(parts, uri, imageUrl, signal)
  note('info', `Drive ${drive.id} of the BMC ${client.host} has the image.`)
}
