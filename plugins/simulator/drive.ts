// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manners } from './manners.ts'
import { part, type Resource, text, texts } from './wire.ts'

/** Members whose value says whether a drive is empty. */
const CONTENT = ['ConnectedVia', 'Image', 'ImageName', 'TransferProtocolType', 'UserName']
const EJECT = '#VirtualMedia.EjectMedia'
const INSERT = '#VirtualMedia.InsertMedia'

/** What InsertMedia said about an image. */
export interface Insertion {
  readonly image: string
  readonly writeProtected: boolean
  readonly userName: string | undefined
}

const nameOf = (image: string) => image.slice(image.lastIndexOf('/') + 1)

/** One virtual drive: what is in it, and what its resource says, which is not always the same. */
export class Drive {
  readonly uri: string
  readonly id: string
  readonly mediaTypes: readonly string[]
  /** An insert is under way. */
  busy = false
  readonly #captured: Resource
  readonly #empty: Resource
  readonly #manners: Manners
  #touched = false
  #content: Insertion | undefined
  #ejected: Insertion | undefined
  #staleReads = 0

  /** `empty` is a captured drive of the same tree that holds nothing: it shows how that looks. */
  constructor(uri: string, captured: Resource, empty: Resource, manners: Manners) {
    this.uri = uri
    this.id = text(captured, 'Id')
    this.mediaTypes = texts(captured, 'MediaTypes') ?? []
    this.#captured = captured
    this.#empty = empty
    this.#manners = manners
  }

  /** Holds an image; the one that was in when the capture was taken counts. */
  get occupied(): boolean {
    return this.#content !== undefined || (!this.#touched && this.#captured['Inserted'] === true)
  }

  /** URL of an image that can be read; what the capture had in can not. */
  get image(): string | undefined {
    return this.#content?.image
  }

  insert(content: Insertion): void {
    this.#touched = true
    this.#content = content
    this.#staleReads = 0
  }

  eject(): void {
    this.#touched = true
    this.#ejected = this.#content
    this.#content = undefined
    this.#staleReads = this.#manners.staleReadsAfterEject
  }

  /** The resource as a GET shows it; each one brings the end of a stale view nearer. */
  read(): Resource {
    if (this.#staleReads === 0) return this.#view(this.#content)
    this.#staleReads -= 1
    return this.#view(this.#ejected)
  }

  #view(content: Insertion | undefined): Resource {
    if (!this.#touched) return this.#captured
    return content ? this.#filled(content) : this.#emptied()
  }

  #filled({ image, writeProtected, userName }: Insertion): Resource {
    const actions = part(this.#captured, 'Actions')
    const target = `${this.uri}/Actions/VirtualMedia.EjectMedia`
    // XCC has neither action: what went in by PATCH goes out by PATCH.
    const byAction = INSERT in actions
    return {
      ...this.#captured,
      ...(byAction && { Actions: { ...actions, [EJECT]: actions[EJECT] ?? { target } } }),
      ConnectedVia: 'URI',
      Image: image,
      ImageName: nameOf(image),
      Inserted: true,
      TransferProtocolType: image.startsWith('https:') ? 'HTTPS' : 'HTTP',
      WriteProtected: writeProtected,
      ...(userName !== undefined && { UserName: userName }),
    }
  }

  #emptied(): Resource {
    const resource: Record<string, unknown> = { ...this.#captured, Inserted: false }
    for (const member of CONTENT) {
      if (Object.hasOwn(this.#empty, member)) resource[member] = this.#empty[member]
      else delete resource[member]
    }
    if (this.#manners.imageStaysAfterEject && this.#ejected) {
      resource['Image'] = this.#ejected.image
      resource['ImageName'] = nameOf(this.#ejected.image)
    }
    return resource
  }
}

/** The drives of a captured tree, in its order. */
export function drivesOf(
  resources: ReadonlyMap<string, Resource>,
  manners: Manners,
): readonly Drive[] {
  const captured = [...resources].filter(([, resource]) =>
    text(resource, '@odata.type').startsWith('#VirtualMedia.'),
  )
  const empty = captured.find(([, resource]) => resource['Inserted'] === false)?.[1] ?? {}
  const hidden = manners.hiddenDrives.map(({ uri, id, mediaTypes }): [string, Resource] => [
    uri,
    { Id: id, MediaTypes: mediaTypes, Inserted: false },
  ])
  return [...captured, ...hidden].map(([uri, resource]) => {
    const look = resource['Inserted'] === false ? resource : empty
    return new Drive(uri, resource, look, manners)
  })
}
