// SPDX-License-Identifier: AGPL-3.0-or-later

/** Is this name meant? */
export type Glob = (name: string) => boolean

const literally = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

/** One piece of a pattern as a regular expression; `{a,b}` holds no further braces. */
function piece(token: string): string {
  if (token === '**') return '.*'
  if (token === '*') return '[^/]*'
  if (token === '?') return '[^/]'
  if (!token.startsWith('{') || !token.endsWith('}')) return literally(token)
  return `(?:${token.slice(1, -1).split(',').map(expression).join('|')})`
}

const expression = (pattern: string): string =>
  (pattern.match(/\*\*|\*|\?|\{[^{}]*\}|[^*?{]+|\{/g) ?? []).map(piece).join('')

/**
 * `*` stands for what is within one part of a name, `**` for any number of parts, `?` for one
 * character, `{a,b}` for either. `t/**` means everything below `t` and not `t` itself.
 */
export function createGlob(pattern: string): Glob {
  const matcher = new RegExp(`^${expression(pattern)}$`)
  return (name) => matcher.test(name)
}
