// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manners } from './manners.ts'
import { Refusal } from './refusal.ts'
import type { Asked, Resource } from './wire.ts'

/**
 * The resource with the ETag of its present content. What still equals the capture keeps the ETag
 * that the real controller gave it, if any.
 */
export function tagged(
  present: Resource,
  captured: Resource | undefined,
  manners: Pick<Manners, 'etags'>,
): Resource {
  if (manners.etags === 'none') return present
  if (captured && Bun.deepEquals(present, captured)) return present
  const { '@odata.etag': _old, ...content } = present
  const hash = new Bun.CryptoHasher('sha256').update(JSON.stringify(content)).digest('hex')
  const etag =
    manners.etags === 'weak' ? `W/"${hash.slice(0, 8).toUpperCase()}"` : `"${hash.slice(0, 32)}"`
  return { ...present, '@odata.etag': etag }
}

/** Throws a Refusal when a change may not go in: no If-Match where it is required, or another's. */
export function checkPrecondition(asked: Asked, etag: unknown, manners: Manners): void {
  if (manners.ifMatch === 'ignored') return
  const given = asked.headers['if-match']
  if (given === undefined) {
    if (manners.ifMatch === 'required') throw new Refusal('noEtag')
    return
  }
  const accepted = given.split(',').map((tag) => tag.trim())
  const current = manners.ifMatch === 'strong' ? String(etag).replace(/^W\//, '') : String(etag)
  if (!accepted.includes('*') && !accepted.includes(current)) throw new Refusal('etag')
}
