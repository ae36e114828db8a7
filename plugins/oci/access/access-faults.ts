// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../../core/faults.ts'

/** Of logins, rights and images of jobs. */
export const accessFaults = defineFaults('oci', {
  tooManyTries: { status: 429, retry: true },
  policyName: { status: 400, retry: false },
  /** What was sent to the token endpoint is no request for a token. */
  tokenRequest: { status: 400, retry: false },
  /** A recipe names an image that this registry does not have. */
  unknownImage: { status: 400, retry: false, word: 'invalid_recipe' },
  /** A recipe names an image that its submitter may not pull. */
  imageDenied: { status: 403, retry: false },
})
