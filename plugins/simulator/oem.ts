// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Drive } from './drive.ts'
import type { Answer, Resource } from './wire.ts'

/** What an endpoint of a family's own gets hold of. */
export interface OemDesk {
  /** Throws a Refusal when there is none at `uri`. */
  drive(uri: string): Drive
  /** Looks at the image and puts it in; throws a Refusal when the drive is taken or the image is not there. */
  insert(drive: Drive, image: string): Promise<void>
  eject(drive: Drive): void
  /** The resource as it is now. */
  present(path: string): Resource
  /** Members that replace those of the resource from now on. */
  amend(path: string, members: Resource): void
  /** Where the next boot goes before any override: a target of the manners' `boots`; undefined clears it. */
  bootNext(target: string | undefined): void
  /** 202 and a task that ends as `work` does. */
  task(name: string, work: () => Promise<void>): Answer
  success(status: 200 | 204): Answer
}

/** What a resource of the family's own may show. */
export interface OemSight {
  readonly drives: readonly Pick<Drive, 'uri' | 'occupied' | 'image'>[]
  /** Where an OEM order sends the next boot. */
  readonly bootNext: string | undefined
}

/** A place outside the standard that takes orders. */
export interface OemEndpoint {
  readonly method: 'POST' | 'PATCH'
  /** Without a slash at the end. */
  readonly path: string
  /** Throws a Refusal. */
  handle(desk: OemDesk, body: Resource): Answer | Promise<Answer>
}
