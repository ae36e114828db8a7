// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { word } from './rules.ts'

/** Has no scheme; what its parts must be, `parseOciReference` says. */
export const OciUrl = v.pipe(
  // Not shown in messages: some put a password before the host.
  word(
    /^[A-Za-z0-9._:-]{1,255}(\/[A-Za-z0-9._-]{1,255}){0,30}(:[A-Za-z0-9._-]{1,128})?(@[A-Za-z0-9:+=._/-]{1,200})?$/,
    'must be like os-images/ubuntu:24.04 or host:5000/name@sha256:…, without a scheme',
  ),
  v.description('The image: [host/]repository[:tag][@digest], without a scheme'),
)

/** The parts of an `oci_url`. */
export interface OciReference {
  /** With its port; undefined: our own registry. */
  readonly host: string | undefined
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

// Grammar of the OCI distribution specification, "Pulling manifests".
const REPOSITORY = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const DIGEST = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/
const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$/

const isHost = (host: string) => HOST.test(host) && Number(host.split(':')[1] ?? 443) <= 65_535

/** Splits an `oci_url`; the sentence says which part is wrong. */
export function parseOciReference(ociUrl: string): OciReference | { readonly wrong: string } {
  const [named = '', digest, more] = ociUrl.split('@')
  const slash = named.indexOf('/')
  const first = slash < 0 ? '' : named.slice(0, slash)
  const host = /[.:]/.test(first) || first === 'localhost' ? first : undefined
  const rest = host === undefined ? named : named.slice(slash + 1)
  const [repository = '', tag, extra] = rest.split(':')
  if (more !== undefined || extra !== undefined) return { wrong: 'has one @ or : too many' }
  if (host !== undefined && !isHost(host)) return { wrong: 'names a host that is none' }
  if (!REPOSITORY.test(repository) || repository.length > 255) {
    return {
      wrong: 'names a repository that no registry takes: lower-case letters, digits, . _ - /',
    }
  }
  if (tag !== undefined && !TAG.test(tag)) return { wrong: 'has a tag that no registry takes' }
  if (digest !== undefined && !DIGEST.test(digest)) {
    return { wrong: 'has a digest that is not sha256: and 64 hex digits (or sha512: and 128)' }
  }
  return { host, repository, tag, digest }
}
