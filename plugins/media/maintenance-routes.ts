// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Context, Hono } from 'hono'
import * as v from 'valibot'
import type { ApiEnv } from '../../core/http/env.ts'
import type { Version } from '../../schemas/version.ts'
import { mediaFaults } from './faults.ts'
import { maintenanceView, Sha256 } from './maintenance-record.ts'
import type { MaintenanceStore } from './maintenance-store.ts'

const PATH = '/api/v1/maintenance'

/** `Digest: sha-256=…` (RFC 3230) or `Content-Digest: sha-256=:…:` (RFC 9530), in base64. */
const DIGEST_HEADER = /(?:^|,)\s*sha-256=:?([A-Za-z0-9+/]{43}=):?\s*(?:,|$)/i

/** The sha256 that the sender expects, from the query or a header. Throws `media.bad-digest`. */
function expectedSha256(c: Context): string | undefined {
  const query = c.req.query('sha256')
  if (query !== undefined) {
    const parsed = v.safeParse(Sha256, query.toLowerCase())
    if (parsed.success) return parsed.output
    throw mediaFaults.badDigest('sha256 must be 64 hexadecimal digits')
  }
  const header = c.req.header('content-digest') ?? c.req.header('digest')
  if (header === undefined) return undefined
  const base64 = DIGEST_HEADER.exec(header)?.[1]
  if (base64) return Buffer.from(base64, 'base64').toString('hex')
  throw mediaFaults.badDigest('the digest header must hold sha-256 in base64')
}

/** The maintenance ISO over the API: upload, look, delete. */
export function mountMaintenance(api: Hono<ApiEnv>, store: MaintenanceStore, own: Version): void {
  const none = () =>
    mediaFaults.noMaintenanceIso(
      'there is no maintenance ISO: import one with slipway maintenance import FILE',
    )
  api.get(PATH, async (c) => {
    const record = await store.current()
    if (!record) throw none()
    return c.json(maintenanceView(record, own))
  })
  api.put(PATH, async (c) => {
    const record = await store.import({
      body: c.req.raw.body ?? new Blob().stream(),
      source: `upload by ${c.get('principal').name}`,
      sha256: expectedSha256(c),
      anyBuild: c.req.query('any_build') === 'true',
      announcedBytes: Number(c.req.header('content-length') ?? 0),
    })
    return c.json(maintenanceView(record, own))
  })
  api.delete(PATH, async (c) => {
    if (!(await store.remove())) throw none()
    return c.body(null, 204)
  })
}
