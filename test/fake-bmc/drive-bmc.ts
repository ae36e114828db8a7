// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ContactOptions, createContact } from './contact.ts'
import { type Behaviour, type Heard, scriptBmc } from './scripted.ts'
import { at, type Overrides, type Resource, smallTree, treeBehaviour } from './tree.ts'

/** The drive that takes and gives. */
export const DRIVE = '/redfish/v1/Managers/M/VirtualMedia/A'

type Answering = (heard: Heard) => ReturnType<Behaviour> | undefined

/** A controller with one drive that takes and gives; `insert` and `eject` may answer something else. */
export async function startDriveBmc(
  parts: {
    readonly insert?: Answering
    readonly eject?: Answering
    readonly drive?: Resource
    readonly more?: Overrides
  } = {},
  options: Partial<ContactOptions> = {},
) {
  const resources = smallTree()
  const drive = at(resources, DRIVE)
  Object.assign(drive, parts.drive)
  const fill = (image: string) =>
    Object.assign(drive, { Image: image, Inserted: true, ConnectedVia: 'URI' })
  const empty = () =>
    Object.assign(drive, { Image: null, Inserted: false, ConnectedVia: 'NotConnected' })
  const overrides: Overrides = {
    [`POST ${DRIVE}/insert`]: (heard) => {
      const special = parts.insert?.(heard)
      if (special) return special
      fill((heard.body as { Image: string }).Image)
      return { status: 204 }
    },
    [`POST ${DRIVE}/eject`]: (heard) => {
      const special = parts.eject?.(heard)
      if (special) return special
      empty()
      return { status: 204 }
    },
    ...parts.more,
  }
  await using scope = new AsyncDisposableStack()
  const bmc = scope.use(await scriptBmc(treeBehaviour(resources, overrides)))
  const contact = scope.use(await createContact({ url: bmc.url, ...options }))
  const session = scope.use(await contact.open())
  const opened = scope.move()
  const orders = () =>
    bmc.heard.filter(({ method }) => method === 'POST' || method === 'PATCH').slice(1)
  return {
    session,
    contact,
    drive,
    fill,
    empty,
    resources,
    orders,
    bodies: () => orders().map(({ body }) => body),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
