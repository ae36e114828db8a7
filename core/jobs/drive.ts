// SPDX-License-Identifier: AGPL-3.0-or-later

export type Scheme = 'http' | 'https'

/** One virtual drive of a controller, as last read. */
export interface Drive {
  /** URI of the VirtualMedia resource: the drive's identity. */
  readonly uri: string
  readonly id: string
  readonly owner: 'system' | 'manager'
  readonly mediaTypes: readonly string[]
  /** Schemes that the controller says it fetches; both when it says nothing. */
  readonly schemes: readonly Scheme[]
  readonly inserted: boolean
  /** URL of the image as the controller shows it; undefined when empty. */
  readonly image: string | undefined
  readonly connectedVia: string | undefined
}
