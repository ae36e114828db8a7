// SPDX-License-Identifier: AGPL-3.0-or-later
import { MiB } from '../../../core/units.ts'
import { ociFaults } from '../errors.ts'
import type { ManifestRecord } from '../store/manifests.ts'
import { OCI_INDEX } from '../store/media-types.ts'
import type { OciStore } from '../store.ts'
import { answer, type Call, checkName, json, pageOf, readDigest } from './call.ts'

/** Entries of a page when the client names no number, and the most it may name. */
const PAGE = 10_000
/** Rows that are read at a time. */
const ROWS = 1_000
/** Clients stop reading at 4 MiB. */
const INDEX_BYTES = 4 * MiB - 64 * 1_024

const nextLink = (path: string, query: Readonly<Record<string, string>>) => ({
  Link: `<${path}?${new URLSearchParams(query)}>; rel="next"`,
})

/** A referrer as its entry in the list tells it. */
const descriptorOf = ({
  mediaType,
  digest,
  sizeBytes,
  artifactType,
  annotations,
}: ManifestRecord) => ({
  ...{ mediaType, digest, size: sizeBytes },
  ...(artifactType === null ? {} : { artifactType }),
  ...(annotations === null ? {} : { annotations }),
})

/** `_catalog`, `tags/list`, `referrers` and the extensions. */
export function createListRoutes(store: OciStore) {
  const { tags, repositories, manifests } = store

  return {
    async catalog(call: Call): Promise<Response> {
      const access = await call.admit('list')
      const { limit, after } = pageOf(call.query, PAGE)
      const names: string[] = []
      for (let from = after; names.length <= limit; ) {
        const some = await repositories.list({ after: from, limit: ROWS })
        names.push(...some.map(({ name }) => name).filter((name) => access.may('list', name)))
        const last = some.at(-1)
        if (!last || some.length < ROWS) break
        from = last.name
      }
      const shown = names.slice(0, limit)
      const more = names.length > limit && limit > 0
      const link = more ? nextLink('/v2/_catalog', { n: `${limit}`, last: shown.at(-1) ?? '' }) : {}
      return json(call, { repositories: shown }, link)
    },

    async tags(call: Call, repository: string): Promise<Response> {
      checkName(repository)
      await call.admit('list', repository)
      const { limit, after } = pageOf(call.query, PAGE)
      const names = await tags.list(repository, { after, limit: limit + 1 })
      if (names.length === 0 && !(await repositories.find(repository))) {
        throw ociFaults.nameUnknown(`there is no repository ${repository}`)
      }
      const shown = names.slice(0, limit)
      const more = names.length > limit && limit > 0
      const path = `/v2/${repository}/tags/list`
      const link = more ? nextLink(path, { n: `${limit}`, last: shown.at(-1) ?? '' }) : {}
      return json(call, { name: repository, tags: shown }, link)
    },

    /** Never 404: an unknown subject has no referrers yet. */
    async referrers(call: Call, repository: string, reference: string): Promise<Response> {
      checkName(repository)
      const subject = readDigest(reference)
      await call.admit('pull', repository, subject)
      const artifactType = call.query.get('artifactType') ?? undefined
      const entries: string[] = []
      let bytes = 0
      let last = call.query.get('last') ?? ''
      let more = false
      for (;;) {
        const page = { after: last, artifactType, limit: ROWS }
        const some = await manifests.referrers(repository, subject, page)
        for (const record of some) {
          const entry = JSON.stringify(descriptorOf(record))
          bytes += Buffer.byteLength(entry) + 1
          more = bytes > INDEX_BYTES && entries.length > 0
          if (more) break
          entries.push(entry)
          last = record.digest
        }
        if (more || some.length < ROWS) break
      }
      const body = `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[${entries.join(',')}]}`
      const filter: Record<string, string> = artifactType === undefined ? {} : { artifactType }
      return answer(
        200,
        {
          'Content-Type': OCI_INDEX,
          'Content-Length': String(Buffer.byteLength(body)),
          ...(artifactType === undefined ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
          ...(more ? nextLink(`/v2/${repository}/referrers/${subject}`, { ...filter, last }) : {}),
        },
        call.request.method === 'HEAD' ? null : body,
      )
    },

    async extensions(call: Call): Promise<Response> {
      await call.admit('pull')
      return json(call, { extensions: [] })
    },
  }
}
