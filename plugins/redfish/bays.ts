// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import type { Drive } from '../../core/jobs/bmc.ts'
import type { Client, Note } from './client.ts'
import { membersOf } from './collection.ts'
import { type InfoReader, readDrive, type VirtualDrive } from './drives.ts'
import { redfishFaults } from './faults.ts'
import type { OemParts } from './oem.ts'
import { ComputerSystem, Manager, parseResource } from './resources.ts'

/** A place where drives were found, in the order in which they are to be preferred. */
interface DriveBay {
  readonly owner: Drive['owner']
  readonly collection: string
  readonly uris: readonly string[]
}

/** What is listed and not there: passed over, for other drives may do. */
const MISSING = redfishFaults.missing('').code

/** Where drives are: below the system, then below every manager; each drive once. */
async function findBays(
  client: Client,
  systemUri: string,
  managerUris: readonly string[],
  note: Note,
  signal: AbortSignal,
): Promise<readonly DriveBay[]> {
  const system = parseResource(ComputerSystem, await client.get(systemUri, signal))
  const bays: DriveBay[] = []
  const known = new Set<string>()
  const add = async (owner: Drive['owner'], collection: string | undefined) => {
    if (collection === undefined || known.has(collection)) return
    known.add(collection)
    const uris = await membersOf(client, collection, signal).catch((error) => {
      // A link that leads nowhere: other places may have drives.
      if (!(error instanceof Fault) || error.code !== MISSING) throw error
      note('warn', error.message)
      return []
    })
    bays.push({ owner, collection, uris: uris.filter((uri) => !known.has(uri)) })
    for (const uri of uris) known.add(uri)
  }
  await add('system', system.VirtualMedia?.['@odata.id'])
  for (const uri of managerUris) {
    const manager = parseResource(Manager, await client.get(uri, signal))
    await add('manager', manager.VirtualMedia?.['@odata.id'])
  }
  return bays
}

/** What drives are read with. */
export interface DriveReaderParts {
  readonly client: Client
  readonly finding: { readonly systemUri: string; readonly managerUris: readonly string[] }
  readonly info: InfoReader
  readonly note: Note
  readonly oem: OemParts
}

/** The drives that the family's own way knows take the places of listed ones, or stand beside them. */
async function withOemDrives(
  { actions, open }: OemParts,
  listed: readonly VirtualDrive[],
  signal: AbortSignal,
): Promise<readonly VirtualDrive[]> {
  if (!actions.drives) return listed
  const found = await actions.drives(
    open(signal),
    listed.map(({ drive }) => drive),
  )
  const nothing = { insertTarget: undefined, ejectTarget: undefined, etag: undefined }
  const own = found.map((drive) => {
    const twin = listed.find((each) => each.drive.uri === drive.uri)
    return { ...nothing, patchable: false, required: [], ...twin, drive, byOem: true }
  })
  const others = listed.filter(({ drive }) => !own.some((each) => each.drive.uri === drive.uri))
  return [...own, ...others]
}

/** The drives of one session: their places are looked up once, their state each time. */
export function createDriveReader({ client, finding, info, note, oem }: DriveReaderParts) {
  // Only what was found is kept, not the search: it ends with the signal of whoever began it.
  let known: readonly DriveBay[] | undefined
  const bays = async (signal: AbortSignal) => {
    known ??= await findBays(client, finding.systemUri, finding.managerUris, note, signal)
    return known
  }
  /** Undefined when it is listed and not there: others may do. */
  const readOrMiss = (uri: string, owner: Drive['owner'], signal: AbortSignal) =>
    readDrive(client, uri, owner, info, signal).catch((error) => {
      if (!(error instanceof Fault) || error.code !== MISSING) throw error
      return undefined
    })
  return {
    async all(signal: AbortSignal): Promise<readonly VirtualDrive[]> {
      const places = (await bays(signal)).flatMap(({ owner, uris }) =>
        uris.map((uri) => ({ owner, uri })),
      )
      const drives = places.map(({ owner, uri }) => readOrMiss(uri, owner, signal))
      const listed = (await Promise.all(drives)).filter((drive) => drive !== undefined)
      return withOemDrives(oem, listed, signal)
    },
    async one(uri: string, signal: AbortSignal): Promise<VirtualDrive> {
      const places = await bays(signal)
      // AMI MegaRAC lists a drive only when remote media were switched on: look again.
      const isNew = !places.some(({ uris }) => uris.includes(uri))
      if (isNew && places.some((bay) => uri.startsWith(`${bay.collection}/`))) known = undefined
      const owner = (await bays(signal)).find(({ uris }) => uris.includes(uri))?.owner
      const listed = owner && (await readOrMiss(uri, owner, signal))
      const drives = await withOemDrives(oem, listed ? [listed] : [], signal)
      const drive = drives.find((each) => each.drive.uri === uri)
      return drive ?? readDrive(client, uri, 'manager', info, signal)
    },
  }
}
