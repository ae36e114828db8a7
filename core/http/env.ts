// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Principal } from '../auth/auth.ts'

/** What a call was about. A route says what its path does not: `c.set('audited', …)`. */
export interface AuditTarget {
  readonly job?: string
  readonly serial?: string
  readonly user?: string
  /** What is none of these: an image, a policy. */
  readonly object?: string
}

/** What every route finds in its context. */
export interface ApiEnv {
  Variables: {
    /** Who is calling; set on `api` routes. */
    principal: Principal
    requestId: string
    /** Address of the caller as the socket says; '' under `app.request()`. */
    clientAddress: string
    /** CN of a verified client certificate, on the mutual-TLS listener only. */
    clientCertificateName: string | undefined
    /** What the call is about, where its path does not say; a read that sets it is audited too. */
    audited: AuditTarget | undefined
  }
}
