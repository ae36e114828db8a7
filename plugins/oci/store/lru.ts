// SPDX-License-Identifier: AGPL-3.0-or-later

/** What was read from the database or disk, bounded by weight, the least recently used going first. */
export interface Lru<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  /**
   * The value at hand, or what `load` finds; it is kept unless the key was set or dropped meanwhile.
   * All who ask at once share one `load`.
   */
  load(key: string, load: () => Promise<V | undefined>): Promise<V | undefined>
  drop(key: string): void
  /** Of all keys that begin so. */
  dropAll(prefix: string): void
  readonly weight: number
}

/** `weightOf` in whatever unit `most` is; an entry heavier than that is never kept. */
export function createLru<V>(most: number, weightOf: (value: V) => number): Lru<V> {
  const kept = new Map<string, V>()
  const loading = new Map<string, Promise<V | undefined>>()
  let weight = 0

  const remove = (key: string): void => {
    const value = kept.get(key)
    if (value === undefined) return
    kept.delete(key)
    weight -= weightOf(value)
  }
  const keep = (key: string, value: V): void => {
    remove(key)
    const own = weightOf(value)
    if (own > most) return
    kept.set(key, value)
    weight += own
    for (const oldest of kept.keys()) {
      if (weight <= most) break
      remove(oldest)
    }
  }
  const drop = (key: string): void => {
    loading.delete(key)
    remove(key)
  }

  return {
    get(key) {
      const value = kept.get(key)
      if (value === undefined) return undefined
      kept.delete(key)
      kept.set(key, value)
      return value
    },
    set(key, value) {
      loading.delete(key)
      keep(key, value)
    },
    load(key, load) {
      const value = this.get(key)
      if (value !== undefined) return Promise.resolve(value)
      const under = loading.get(key)
      if (under) return under
      const loaded: Promise<V | undefined> = load()
        .then((found) => {
          if (found !== undefined && loading.get(key) === loaded) keep(key, found)
          return found
        })
        .finally(() => {
          if (loading.get(key) === loaded) loading.delete(key)
        })
      loading.set(key, loaded)
      return loaded
    },
    drop,
    dropAll(prefix) {
      for (const map of [kept, loading]) {
        for (const key of map.keys()) if (key.startsWith(prefix)) drop(key)
      }
    },
    get weight() {
      return weight
    },
  }
}
