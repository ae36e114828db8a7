// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Drive } from './drive.ts'
import type { Manners } from './manners.ts'
import type { OemDesk } from './oem.ts'
import { Refusal, success } from './refusal.ts'
import type { Tasks } from './tasks.ts'
import { type Answer, type Asked, isResource, part, type Resource, text, texts } from './wire.ts'

const RESET = 'ComputerSystem.Reset'
const INSERT = 'VirtualMedia.InsertMedia'
const EJECT = 'VirtualMedia.EjectMedia'

/** What actions work on. */
export interface ActionParts {
  readonly manners: Manners
  readonly captured: ReadonlyMap<string, Resource>
  readonly systemUri: string
  readonly drives: readonly Drive[]
  readonly tasks: Tasks
  readonly machine: {
    /** Throws a Refusal at once, or resolves when the power is as it was told to be. */
    reset(type: string): Promise<void>
    /** The first reads of an image that is to be inserted; throws a Refusal when it is not there. */
    probeImage(image: string): Promise<void>
    bootNext(target: string | undefined): void
    changed(): void
  }
}

/** The JSON object in the request's body; throws a Refusal for anything else. */
export function objectOf(asked: Asked): Resource {
  if (asked.text.trim() === '') throw new Refusal('noBody')
  let body: unknown
  try {
    body = JSON.parse(asked.text)
  } catch (cause) {
    throw new Refusal('malformed', [], {}, { cause })
  }
  if (!isResource(body)) throw new Refusal('malformed')
  return body
}

/** The action whose target is this path, ready to run; undefined when there is none. */
export function actionAt(
  parts: ActionParts,
  path: string,
): ((asked: Asked) => Promise<Answer>) | undefined {
  const [, uri, name] = /^(.+)\/Actions\/([^/]+)$/.exec(path) ?? []
  if (name === RESET && uri === parts.systemUri) return (asked) => reset(parts, asked)
  const drive = parts.drives.find((each) => each.uri === uri)
  if (!drive || !(`#${INSERT}` in part(parts.captured.get(drive.uri) ?? {}, 'Actions')))
    return undefined
  if (name === INSERT) return (asked) => insertMedia(parts, drive, asked)
  if (name !== EJECT || (!drive.occupied && !parts.manners.ejectListedWhileEmpty)) return undefined
  return (asked) => ejectMedia(parts, drive, asked)
}

async function reset(parts: ActionParts, asked: Asked): Promise<Answer> {
  const { ResetType, ...others } = objectOf(asked)
  const [other] = Object.keys(others)
  if (other !== undefined) throw new Refusal('parameterUnknown', [RESET, other])
  if (ResetType === undefined) throw new Refusal('parameterMissing', [RESET, 'ResetType'])
  const parameters = actionParameters(parts, parts.systemUri, RESET)
  const types = texts(parameters.get('ResetType') ?? {}, 'AllowableValues') ?? []
  if (typeof ResetType !== 'string' || !types.includes(ResetType)) {
    throw new Refusal('parameterValue', [RESET, 'ResetType'])
  }
  const { machine, manners, tasks } = parts
  const power = machine.reset(ResetType)
  if (manners.resetAnswer !== 'task') return success(manners.resetAnswer, manners)
  return tasks.start(
    'Reset',
    () => power,
    () => machine.changed(),
  )
}

async function insertMedia(parts: ActionParts, drive: Drive, asked: Asked): Promise<Answer> {
  const { manners, machine, tasks } = parts
  if (manners.kvmDrives?.test(drive.uri)) throw new Refusal('kvmOnly', [INSERT])
  const body = objectOf(asked)
  const image = insertParameters(parts, drive, body)
  refuseOccupied(parts, drive)
  const insert = async () => {
    await probe(parts, drive, image)
    if (body['Inserted'] === false) return
    const writeProtected = body['WriteProtected'] !== false
    const userName = typeof body['UserName'] === 'string' ? body['UserName'] : undefined
    drive.insert({ image, writeProtected, userName })
    machine.changed()
  }
  if (manners.insertAnswer === 'task') {
    return tasks.start('Insert Media', insert, () => machine.changed())
  }
  await insert()
  return success(manners.insertAnswer, manners)
}

/** While the image is looked at, nothing else can go in. */
async function probe({ machine }: ActionParts, drive: Drive, image: string): Promise<void> {
  drive.busy = true
  try {
    await machine.probeImage(image)
  } finally {
    drive.busy = false
  }
}

/** The desk of OEM endpoints over the same machine; `present` and `amend` are the tree's. */
export function createDesk(parts: ActionParts, tree: Pick<OemDesk, 'present' | 'amend'>): OemDesk {
  const { drives, manners, machine, tasks } = parts
  return {
    ...tree,
    drive(uri) {
      const found = drives.find((each) => each.uri === uri)
      if (!found) throw new Refusal('missing', [uri])
      return found
    },
    async insert(drive, image) {
      if (!manners.imageUrl.test(image)) throw new Refusal('image', [image])
      refuseOccupied(parts, drive)
      await probe(parts, drive, image)
      drive.insert({ image, writeProtected: true, userName: undefined })
      machine.changed()
    },
    eject(drive) {
      if (drive.occupied) drive.eject()
      machine.changed()
    },
    bootNext(target) {
      machine.bootNext(target)
      machine.changed()
    },
    task: (name, work) => tasks.start(name, work, () => machine.changed()),
    success: (status) => success(status, manners),
  }
}

/** Checks what came against what the action takes; returns the image's URL. */
function insertParameters(parts: ActionParts, drive: Drive, body: Resource): string {
  const listed = actionParameters(parts, drive.uri, INSERT)
  const known = listed.size > 0 ? [...listed.keys()] : parts.manners.insertParameters
  for (const [name, value] of Object.entries(body)) {
    if (!known.includes(name)) throw new Refusal('parameterUnknown', [INSERT, name])
    const wanted = name === 'Inserted' || name === 'WriteProtected' ? 'boolean' : 'string'
    const filled = wanted === 'boolean' || value !== null
    if (typeof value !== wanted && filled) throw new Refusal('parameterType', [INSERT, name])
  }
  const image = text(body, 'Image')
  if (image === '') throw new Refusal('parameterMissing', [INSERT, 'Image'])
  const { imageUrl, insertNeeds, insertOnly } = parts.manners
  const missing = insertNeeds.find((name) => !(name in body))
  if (missing !== undefined) throw new Refusal('parameterMissing', [INSERT, missing])
  const wrong = Object.entries(insertOnly).find(([name, value]) => (body[name] ?? value) !== value)
  if (wrong) throw new Refusal('parameterValue', [INSERT, wrong[0]])
  if (!imageUrl.test(image)) throw new Refusal('image', [image])
  return image
}

function refuseOccupied({ manners, drives }: ActionParts, drive: Drive): void {
  if (drive.occupied || drive.busy) throw new Refusal('occupied')
  const only = manners.oneImageAmong
  if (!only?.test(drive.uri)) return
  const taken = drives.some((each) => only.test(each.uri) && (each.occupied || each.busy))
  if (taken) throw new Refusal('oneImage')
}

async function ejectMedia(parts: ActionParts, drive: Drive, asked: Asked): Promise<Answer> {
  const { manners, machine } = parts
  if (manners.ejectNeedsObject || asked.text.trim() !== '') {
    const [other] = Object.keys(objectOf(asked))
    if (other !== undefined) throw new Refusal('parameterUnknown', [EJECT, other])
  }
  // Nothing in it: done already, and no reason to show an old image again.
  if (drive.occupied) drive.eject()
  machine.changed()
  return success(manners.ejectAnswer, manners)
}

/**
 * What an action takes, by parameter: from its ActionInfo, else from the annotations beside its
 * target. A standard action is found under `#name` in the resource's Actions.
 */
function actionParameters(
  { captured }: ActionParts,
  uri: string,
  name: string,
): ReadonlyMap<string, Resource> {
  const action = part(part(captured.get(uri) ?? {}, 'Actions'), `#${name}`)
  const info = captured.get(text(action, '@Redfish.ActionInfo'))
  const listed = info?.['Parameters']
  if (Array.isArray(listed)) {
    return new Map(listed.filter(isResource).map((item) => [text(item, 'Name'), item]))
  }
  const suffix = '@Redfish.AllowableValues'
  return new Map(
    Object.entries(action)
      .filter(([key]) => key.endsWith(suffix))
      .map(([key, AllowableValues]) => [key.slice(0, -suffix.length), { AllowableValues }]),
  )
}
