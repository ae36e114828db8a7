// SPDX-License-Identifier: AGPL-3.0-or-later

/** Insertions, deletions, replacements and swaps of neighbours between two words. */
export function distance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const here = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1
      let cost = Math.min(
        (above[column] ?? 0) + 1,
        (here[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + same,
      )
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1)
      }
      here.push(cost)
    }
    before = above
    above = here
  }
  return above[b.length] ?? 0
}

/** The known word that was probably meant; undefined when none is close enough to be worth saying. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase()
  let best: { name: string; cost: number } | undefined
  for (const name of known) {
    const cost = distance(wanted, name.toLowerCase())
    if (!best || cost < best.cost) best = { name, cost }
  }
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  return best && best.cost <= limit ? best.name : undefined
}

/** `; did you mean …?` or nothing, to hang onto a sentence. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const name = nearest(word, known)
  return name === undefined ? '' : `; did you mean \`${name}\`?`
}
