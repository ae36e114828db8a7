// SPDX-License-Identifier: AGPL-3.0-or-later
import { isDigest } from '../store/digest.ts'
import { isRepositoryName, isTag } from '../store/names.ts'
import { clientFaults } from './faults.ts'

/** Where something lies: `[SCHEME://][HOST[:PORT]/]NAME[:TAG][@DIGEST]`. */
export interface Reference {
  /** Origin of the registry without a slash at the end; undefined: the appliance we talk to. */
  readonly origin: string | undefined
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

/** As the registry has it. */
const LONGEST_NAME = 200

/** What a manifest is asked for by: the digest when there is one, else the tag, else `latest`. */
export const wanted = ({ tag, digest }: Pick<Reference, 'tag' | 'digest'>) =>
  digest ?? tag ?? 'latest'

/** Reads a reference. Throws `oci-client.reference`, which says what is wrong with it. */
export function parseReference(text: string): Reference {
  const { origin, rest } = splitOrigin(text)
  const [named = '', digest, ...more] = rest.split('@')
  if (more.length > 0) throw bad(text, 'it has more than one @')
  const colon = named.indexOf(':')
  const repository = colon === -1 ? named : named.slice(0, colon)
  const tag = colon === -1 ? undefined : named.slice(colon + 1)
  if (!isRepositoryName(repository)) throw bad(text, nameTrouble(repository))
  if (tag !== undefined && !isTag(tag)) {
    throw bad(text, 'a tag is 1 to 128 letters, digits, dots, dashes and underscores')
  }
  if (digest !== undefined && !isDigest(digest)) {
    throw bad(text, 'a digest is sha256: and 64, or sha512: and 128 lower-case hex digits')
  }
  return { origin, repository, tag, digest }
}

/** Splits `[SCHEME://][HOST[:PORT]/]REST` where REST may be anything, e.g. a pattern of names. */
export function splitOrigin(text: string): {
  readonly origin: string | undefined
  readonly rest: string
} {
  const { scheme, rest } = splitScheme(text)
  const { host, path } = splitHost(rest, scheme !== undefined)
  if (host === undefined) return { origin: undefined, rest: path }
  return { origin: originOf(text, scheme ?? schemeFor(host), host), rest: path }
}

/** The reference as people write it; `origin` shortened to its host. */
export function showReference({ origin, repository, tag, digest }: Reference): string {
  const host = origin === undefined ? '' : `${origin.replace(/^https?:\/\//, '')}/`
  return `${host}${repository}${tag ? `:${tag}` : ''}${digest ? `@${digest}` : ''}`
}

function splitScheme(text: string) {
  const match = /^(https?):\/\/(.*)$/.exec(text)
  return match ? { scheme: match[1], rest: match[2] ?? '' } : { scheme: undefined, rest: text }
}

/** The first part is a host when it could not be the beginning of a name, or a scheme says so. */
function splitHost(rest: string, certain: boolean) {
  const slash = rest.indexOf('/')
  const first = slash === -1 ? rest : rest.slice(0, slash)
  const isHost = slash !== -1 && (certain || /[.:]|^\[/.test(first) || first === 'localhost')
  if (isHost) return { host: first, path: rest.slice(slash + 1) }
  return { host: certain ? first : undefined, path: certain ? '' : rest }
}

/** Plain HTTP on the same box, TLS everywhere else. */
const schemeFor = (host: string) =>
  /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(host) ? 'http' : 'https'

function originOf(text: string, scheme: string, host: string): string {
  const url = URL.parse(`${scheme}://${host}`)
  if (!url || url.username || url.password || url.pathname !== '/' || url.search || url.hash) {
    throw bad(text, `\`${host}\` is no host`)
  }
  return url.origin
}

function nameTrouble(name: string): string {
  if (name === '') return 'it names no repository'
  if (name.length > LONGEST_NAME) return `a repository has at most ${LONGEST_NAME} characters`
  if (/[A-Z]/.test(name)) return 'a repository is lower case'
  return `\`${name}\` is no repository: words of a-z and 0-9, joined by . _ - and /`
}

const bad = (text: string, why: string) =>
  clientFaults.reference(
    `\`${text}\` is no reference: ${why}; write [HOST[:PORT]/]NAME[:TAG][@DIGEST]`,
  )
