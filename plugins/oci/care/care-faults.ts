// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../../core/faults.ts'

/** Of the admin API of the registry; what clients below `/v2` are told stands in errors.ts. */
export const careFaults = defineFaults('oci-care', {
  notFound: { status: 404, retry: false },
  /** One task of a kind at a time. */
  busy: { status: 409, retry: true },
  /** The digest that a tag was to go back to is not here any more. */
  gone: { status: 409, retry: false },
  /** There is nothing to be taken over. */
  layout: { status: 400, retry: false },
})
