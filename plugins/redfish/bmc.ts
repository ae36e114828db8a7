// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Bmc, BmcState, MediaPlan } from '../../core/jobs/bmc.ts'
import { createDriveReader } from './bays.ts'
import { type BootParts, clearBootOverride, overrideBootOnce } from './boot.ts'
import { takeCapture } from './capture.ts'
import type { Client } from './client.ts'
import { type Contact, type ContactParts, openContact } from './contact.ts'
import { ejectMedia } from './eject.ts'
import { insertMedia } from './insert.ts'
import type { MediaParts } from './media.ts'
import { createOemClient } from './oem.ts'
import { findPlace, overrideOf, targetsOf } from './override.ts'
import { planMedia } from './plan.ts'
import { type PowerParts, powerOff, powerOn, restart } from './power.ts'
import { powerStateOf } from './reset.ts'
import { ComputerSystem, parseResource } from './resources.ts'
import { takeSurvey } from './survey.ts'

/** Reads all drives of the session, or one. */
type DriveReader = ReturnType<typeof createDriveReader>

/** System and drives at one time, as nearly as two requests at a time allow. */
async function readState(
  { client, finding }: Contact,
  drives: DriveReader,
  signal: AbortSignal,
): Promise<BmcState> {
  const [answer, virtual] = await Promise.all([
    client.get(finding.systemUri, signal),
    drives.all(signal),
  ])
  const system = parseResource(ComputerSystem, answer)
  return {
    power: powerStateOf(system),
    drives: virtual.map(({ drive }) => drive),
    bootOverride: overrideOf(system.Boot),
  }
}

/** The plan for the drives as they are now: licences and settings change what is listed. */
async function readPlan(
  { parts, client, finding, profile }: Contact,
  drives: DriveReader,
  refusing: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<MediaPlan> {
  const { boot } = await findPlace(client, finding.systemUri, signal)
  return planMedia({
    host: client.host,
    drives: await drives.all(signal),
    profile,
    bootTargets: targetsOf(boot),
    wanted: parts.machine.mediaPlan,
    ...(profile.rules.nextDrive && { refusing }),
  })
}

/** The client, which keeps what it was asked to read. */
const noting = (client: Client, places: Set<string>): Client => ({
  ...client,
  get: (path, signal) => {
    places.add(path)
    return client.get(path, signal)
  },
  look: (path, signal) => {
    places.add(path)
    return client.look(path, signal)
  },
})

/** Opens a session with the machine's controller; the caller disposes it. */
export async function openBmc(parts: ContactParts): Promise<Bmc> {
  const contact = await openContact(parts)
  const { client, finding, profile, note, info, connection } = contact
  const { options } = parts
  const { systemUri, identity } = finding
  const { rules, actions = {} } = profile
  const places = new Set((rules.unlinked ?? []).map((path) => `${systemUri}/${path}`))
  const watched = noting(client, places)
  const oem = { actions, open: createOemClient({ client: watched, finding, note, options }) }
  const drives = createDriveReader({ client, finding, info, note, oem })
  const power: PowerParts = { client, systemUri, info, note, options }
  const boot: BootParts = { client, systemUri, rules, oem, note, options }
  const refusing = new Set<string>()
  const media: MediaParts = { client, rules, oem, note, refusing, read: drives.one, options }
  const read = (signal: AbortSignal) => readState(contact, drives, signal)
  const plan = (signal: AbortSignal) => readPlan(contact, drives, refusing, signal)
  return {
    identity,
    profile,
    localAddress: connection.line.localAddress,
    read,
    plan,
    survey: (signal) => takeSurvey({ contact, drives: drives.all, read, plan }, signal),
    async capture(signal) {
      // The family's own places are those that it looks at.
      await drives.all(signal)
      return takeCapture(contact, [...places], signal)
    },
    powerOff: (signal) => powerOff(power, signal),
    powerOn: (signal) => powerOn(power, signal),
    restart: (signal) => restart(power, signal),
    insertMedia: (uri, imageUrl, signal) => insertMedia(media, uri, imageUrl, signal),
    ejectMedia: (uri, ours, signal) => ejectMedia(media, uri, ours, signal),
    overrideBootOnce: (target, signal) => overrideBootOnce(boot, target, signal),
    clearBootOverride: (signal) => clearBootOverride(boot, signal),
    [Symbol.asyncDispose]: () => contact[Symbol.asyncDispose](),
  }
}
