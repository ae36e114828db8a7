// SPDX-License-Identifier: AGPL-3.0-or-later
import { notComposable } from './faults.ts'
import type { PathEntry } from './path-table.ts'

/** Numbers of directories have 16 bits. */
const MOST_DIRECTORIES = 0xffff

/** A directory of a path table with those in it, so that one can be added: every number may change. */
export interface PathNode {
  readonly identifier: Uint8Array
  lba: number
  readonly children: PathNode[]
}

/** The order of identifiers: byte by byte, a shorter one before what it begins. */
export const compareIdentifiers = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)

/** Adds a directory among its siblings, which keep the order that their writer gave them. */
export function addChild(parent: PathNode, child: PathNode): void {
  const { children } = parent
  const place = children.findIndex(
    ({ identifier }) => compareIdentifiers(identifier, child.identifier) > 0,
  )
  children.splice(place === -1 ? children.length : place, 0, child)
}

/** The tree that a path table describes; the first entry is its root. */
export function pathTree(entries: readonly PathEntry[]): PathNode {
  const nodes = entries.map(({ identifier, lba }): PathNode => ({ identifier, lba, children: [] }))
  const [root] = nodes
  if (!root) throw notComposable('its path table is empty')
  entries.forEach(({ parentNumber }, i) => {
    const node = nodes[i]
    if (node && i > 0) nodes[parentNumber - 1]?.children.push(node)
  })
  return root
}

/** Entries by level, parent and place among the siblings, as a path table wants them. */
export function pathEntries(root: PathNode): PathEntry[] {
  const waiting = [{ node: root, parentNumber: 1 }]
  // Grows while it is walked.
  for (const [index, { node }] of waiting.entries()) {
    for (const child of node.children) waiting.push({ node: child, parentNumber: index + 1 })
  }
  if (waiting.length > MOST_DIRECTORIES)
    throw notComposable(
      `it has ${waiting.length} directories, and ${MOST_DIRECTORIES} are possible`,
    )
  return waiting.map(({ node: { identifier, lba }, parentNumber }) => ({
    identifier,
    lba,
    parentNumber,
  }))
}
