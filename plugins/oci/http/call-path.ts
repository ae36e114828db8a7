// SPDX-License-Identifier: AGPL-3.0-or-later

/** What a path below `/v2` names. */
export type Resource =
  | { readonly kind: 'base' | 'catalog' | 'extensions' }
  | { readonly kind: 'tags' | 'uploads'; readonly repository: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'blob' | 'referrers'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly reference: string }

const BY_WORD: Readonly<Record<string, 'manifest' | 'blob' | 'referrers'>> = {
  manifests: 'manifest',
  blobs: 'blob',
  referrers: 'referrers',
}

function ofRepository(parts: readonly string[]): Resource | undefined {
  const last = parts.at(-1) ?? ''
  const word = parts.at(-2) ?? ''
  const named = (count: number) => parts.slice(0, -count).join('/')
  if (word === 'tags' && last === 'list') return { kind: 'tags', repository: named(2) }
  if (word === 'blobs' && last === 'uploads') return { kind: 'uploads', repository: named(2) }
  if (word === 'uploads' && parts.at(-3) === 'blobs') {
    return { kind: 'upload', repository: named(3), reference: last }
  }
  const kind = BY_WORD[word]
  return kind && { kind, repository: named(2), reference: last }
}

/**
 * Reads the path of a URL from its right end: a repository may itself be called `a/manifests/blobs`.
 * Undefined where there is nothing. Does not judge the names. Throws URIError for a broken escape.
 */
export function resourceOf(pathname: string): Resource | undefined {
  const parts = pathname.split('/').slice(2)
  if (parts.at(-1) === '') parts.pop()
  if (parts.length === 0) return { kind: 'base' }
  if (parts.length === 1 && parts[0] === '_catalog') return { kind: 'catalog' }
  if (parts.join('/') === '_oci/ext/discover') return { kind: 'extensions' }
  const escaped = pathname.includes('%')
  return ofRepository(escaped ? parts.map(decodeURIComponent) : parts)
}
