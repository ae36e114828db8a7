// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OciAction } from '../../schemas/oci-policy.ts'

export type { OciAction } from '../../schemas/oci-policy.ts'

/** Who is calling and what may they do? */
export interface Access {
  readonly name: string
  /** The job on whose behalf a machine calls. */
  readonly job?: string
  /** Where the call comes from. */
  readonly address?: string
  /** `digest` where one object is asked for: a machine may be let at those of its recipe only. */
  may(action: OciAction, repository: string, digest?: string): boolean
  /** The same, whatever the token that it came with opens. */
  mayByRight(action: OciAction, repository: string, digest?: string): boolean
}

/**
 * What a call needs. Without a repository it is the registry itself: its catalog (`list`), or
 * nothing of it but the login (any other).
 */
export interface Wanted {
  readonly repository?: string
  readonly action: OciAction
  readonly digest?: string
  /** A token should open this repository for pulls too: what a mount takes from. It is not refused for the lack of that. */
  readonly from?: string
}

/** Somebody who is known may not do it. */
export interface Denial {
  readonly name: string
  readonly job: string | undefined
  readonly address: string
  readonly wanted: Wanted
  readonly code: string
}

export interface Doorman {
  /** Throws a 401 with a challenge, 403 for a caller whose rights end before this, 429 for too many tries. */
  admit(request: Request, clientAddress: string, wanted: Wanted): Promise<Access>
  /** Value of `WWW-Authenticate` for who comes without a login; `error` as RFC 6750 §3.1 has it. */
  challenge(request: Request, wanted: Wanted, error?: string): string
}
