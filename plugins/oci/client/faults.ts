// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../../core/faults.ts'

/** What a client of OCI registries meets. `retry` is what a transfer believes before it gives up. */
export const clientFaults = defineFaults('oci-client', {
  /** The reference, or a name inside it, is none. */
  reference: { status: 400, retry: false },
  unreachable: { status: 502, retry: true, word: 'unavailable' },
  /** Nobody is expected behind this name or certificate later either. */
  untrusted: { status: 502, retry: false, word: 'unavailable' },
  unauthorized: { status: 401, retry: false },
  denied: { status: 403, retry: false },
  notFound: { status: 404, retry: false },
  refused: { status: 400, retry: false },
  tooLarge: { status: 413, retry: false },
  /** It asks for a pause. */
  busy: { status: 503, retry: true, word: 'unavailable' },
  /** No room, or no quota, on the registry's side. */
  full: { status: 507, retry: false },
  /** It answered, but not as the specification says. */
  protocol: { status: 502, retry: false },
  /** Bytes that came are not those of the digest. */
  digest: { status: 502, retry: false },
  /** A redirect or a token server that must not get what we carry. */
  redirect: { status: 502, retry: false },
  /** A file or layout on this side that can not be used. */
  content: { status: 400, retry: false },
})
