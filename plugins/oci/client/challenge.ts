// SPDX-License-Identifier: AGPL-3.0-or-later

/** One challenge of a WWW-Authenticate header (RFC 9110, 11.6.1). */
export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const SPACES = /[ \t]*/y
const SEPARATORS = /[ \t,]*/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y
/** What some schemes carry instead of parameters, e.g. `Negotiate YII=`. */
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y

/** All challenges in the order given; what can not be read ends the list. */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  return [header ?? []].flat().flatMap(parseOne)
}

function parseOne(text: string): Challenge[] {
  const found: Challenge[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match) at = pattern.lastIndex
    return match ?? undefined
  }
  for (;;) {
    take(SEPARATORS)
    const scheme = take(TOKEN)?.[0].toLowerCase()
    if (scheme === undefined) return found
    const parameters: Record<string, string> = {}
    found.push({ scheme, parameters })
    take(SPACES)
    if (take(TOKEN68)) continue
    for (;;) {
      const before = at
      take(SEPARATORS)
      const name = take(TOKEN)?.[0].toLowerCase()
      take(SPACES)
      if (name === undefined || text[at] !== '=') {
        // No parameter: the next scheme.
        at = before
        break
      }
      at++
      take(SPACES)
      const quoted = take(QUOTED)
      const value = quoted ? quoted[1]?.replaceAll(/\\(.)/g, '$1') : take(TOKEN)?.[0]
      if (value === undefined) return found
      parameters[name] = value
    }
  }
}
