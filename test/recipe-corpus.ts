// SPDX-License-Identifier: AGPL-3.0-or-later
/** A corpus of recipes in normal form for install-linux.target: every field, every boundary, each invalid in one way. */
import type { Json, JsonObject, Path } from './recipe-json.ts'
import { full, least, lists, places, required } from './recipe-values.ts'

export interface CorpusCase {
  readonly name: string
  readonly recipe: JsonObject
  readonly valid: boolean
}

/** mulberry32: the same corpus everywhere. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A copy with another value at the path; undefined takes the member away. */
function replaced(value: Json | undefined, [key, ...rest]: Path, by: Json | undefined): Json {
  if (key === undefined) return by ?? null
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === key ? replaced(item, rest, by) : item))
  }
  const object = isObject(value) ? value : {}
  if (rest.length > 0 || by !== undefined)
    return { ...object, [key]: replaced(object[key], rest, by) }
  const { [key]: _, ...others } = object
  return others
}

const at = (recipe: JsonObject, path: Path, by: Json | undefined) =>
  replaced(recipe, path, by) as JsonObject

/** All places of a document, those inside of `metadata` left out: anything goes there. */
function* walk(value: Json, path: Path = []): Generator<{ path: Path; value: Json }> {
  if (path.length > 0) yield { path, value }
  if (path[0] === 'metadata') return
  const entries = Array.isArray(value)
    ? [...value.entries()]
    : isObject(value)
      ? Object.entries(value)
      : []
  for (const [key, member] of entries) yield* walk(member, [...path, key])
}

/** One value of each kind that is not the kind found there. */
function otherKinds(path: Path, value: Json): Json[] {
  const text = path[0] === 'user_data' ? [] : ['other kind']
  if (Array.isArray(value)) return [null, 7.5, true, {}, 'other kind']
  if (isObject(value)) return [null, 7.5, true, [], ...text]
  if (typeof value === 'string') return [null, 7.5, true, [], {}]
  if (typeof value === 'number') return [null, true, [], {}, '1']
  return [null, 7.5, [], {}, 'true']
}

const OPTIONAL = new Set([
  'schema_version',
  'overwrite',
  'network',
  'user_data',
  'env',
  'notes',
  'metadata',
])

const lookUp = (recipe: JsonObject, path: Path): Json | undefined =>
  path.reduce<Json | undefined>((value, key) => (value as JsonObject | undefined)?.[key], recipe)

const named = (what: string, path: Path, value?: Json) =>
  `${what} ${path.join('.')}${value === undefined ? '' : ` = ${JSON.stringify(value).slice(0, 60)}`}`

function* singleChanges(): Generator<CorpusCase> {
  for (const { path, good, bad } of places) {
    for (const value of good)
      yield { name: named('good', path, value), recipe: at(full, path, value), valid: true }
    for (const value of bad)
      yield { name: named('bad', path, value), recipe: at(full, path, value), valid: false }
  }
  for (const path of required)
    yield { name: named('without', path), recipe: at(full, path, undefined), valid: false }
  for (const name of OPTIONAL)
    yield { name: named('without', [name]), recipe: at(full, [name], undefined), valid: true }
  for (const [path, longest] of lists) {
    const [first = null] = lookUp(full, path) as Json[]
    const lengths = [
      [1, true],
      [longest, true],
      [0, false],
      [longest + 1, false],
    ] as const
    for (const [length, valid] of lengths) {
      const value = Array<Json>(length).fill(first)
      yield { name: named(`${length} entries in`, path), recipe: at(full, path, value), valid }
    }
  }
}

/** Every place holds another kind of value; every object holds a name too many. */
function* brokenPlaces(): Generator<CorpusCase> {
  for (const { path, value } of walk(full)) {
    for (const other of otherKinds(path, value)) {
      yield { name: named('wrong kind', path, other), recipe: at(full, path, other), valid: false }
    }
    const free = path[0] === 'metadata' || path.join() === 'env'
    const dictionary = ['ethernets', 'bonds', 'vlans'].includes(String(path.at(-1)))
    if (!isObject(value) || free || dictionary) continue
    for (const extra of ['unknown', 'toString']) {
      yield {
        name: named('extra', [...path, extra]),
        recipe: at(full, [...path, extra], 'x'),
        valid: false,
      }
    }
  }
  for (const extra of [
    'unknown',
    '$schema',
    'ks_cfg',
    'wim_index',
    'unattend_xml',
    'constructor',
  ]) {
    yield { name: named('extra', [extra]), recipe: { ...full, [extra]: '1' }, valid: false }
  }
}

/** Recipes put together from good values at random, a third of them with one bad value. */
function* mixtures(count: number, seed: number): Generator<CorpusCase> {
  const next = random(seed)
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(next() * from.length)]
  for (let index = 0; index < count; index++) {
    let recipe = next() < 0.2 ? least : full
    for (const { path, good } of places) {
      const value = pick(good)
      // A place inside of something that was replaced may be gone.
      const there = path.length === 1 || lookUp(recipe, path) !== undefined
      if (next() < 0.5 && there && value !== undefined) recipe = at(recipe, path, value)
    }
    for (const name of OPTIONAL) if (next() < 0.15) recipe = at(recipe, [name], undefined)
    const spoil = next() < 0.34
    const place = pick(places.filter(({ path, bad }) => bad.length > 0 && path[0] !== 'network'))
    const bad = pick(place?.bad ?? [])
    if (spoil && place && bad !== undefined) recipe = at(recipe, place.path, bad)
    yield { name: `mixture ${index}`, recipe, valid: !spoil }
  }
}

/** The whole corpus, no recipe twice; the same on every machine. */
export function recipeCorpus(): readonly CorpusCase[] {
  const all: CorpusCase[] = [
    { name: 'least', recipe: least, valid: true },
    { name: 'full', recipe: full, valid: true },
    ...singleChanges(),
    ...brokenPlaces(),
    ...mixtures(300, 20_251_105),
  ]
  const known = new Set<string>()
  return all.filter(({ recipe }) => {
    const text = JSON.stringify(recipe)
    return !known.has(text) && known.add(text)
  })
}
