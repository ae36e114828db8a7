// SPDX-License-Identifier: AGPL-3.0-or-later
import { isoFaults } from './faults.ts'
import { utf8 } from './fields.ts'
import { jolietName, PlainNames, ucs2 } from './names.ts'
import { namedEntries, selfEntries, timesEntry } from './rock-ridge.ts'
import { byText, type IsoDirectory, type IsoNode } from './tree.ts'

/** A child of a directory under the name that one hierarchy gives it. */
export interface NamedNode {
  readonly node: IsoNode
  readonly identifier: Uint8Array
}

/** How one of the two hierarchies names things, and what it says about them beside the record. */
export interface Dialect {
  /** Sorted as the hierarchy wants it; leaves out what it can not hold. */
  name(directory: IsoDirectory): NamedNode[]
  /** System use entries; `self` for `.`, `parent` for `..`. */
  entries(node: IsoNode, role: 'named' | 'self' | 'parent', isRoot: boolean): Uint8Array[]
}

/** Plain ISO 9660 names with Rock Ridge beside them. */
export function primaryDialect(modifiedAt: number): Dialect {
  const times = timesEntry(modifiedAt)
  return {
    name({ children }) {
      const names = new PlainNames()
      return children
        .map((node) => {
          const kind = node.kind === 'directory' ? 'directory' : 'file'
          return { node, ...names.identify(node.name, kind) }
        })
        .sort((a, b) => byText(a.order, b.order))
        .map(({ node, text }) => ({ node, identifier: utf8(text) }))
    },
    entries: (node, role, isRoot) =>
      role === 'named'
        ? namedEntries(node, times)
        : selfEntries(node, times, isRoot && role === 'self'),
  }
}

/** Plain names and nothing beside them, for an image that has no Rock Ridge. */
export const plainDialect: Dialect = { name: primaryDialect(0).name, entries: () => [] }

/** Longest name of ISO 9660:1999 (§7.5.1 there), in bytes. */
const LONGEST_LONG = 207

/** ISO 9660:1999: names as they are. */
export const longDialect: Dialect = {
  name: ({ children }) =>
    children.map((node) => {
      const identifier = utf8(node.name)
      if (identifier.length > LONGEST_LONG)
        throw isoFaults.name(`${node.path} is longer than ${LONGEST_LONG} bytes; rename it`)
      return { node, identifier }
    }),
  entries: () => [],
}

/** Joliet knows no links. */
export const jolietDialect: Dialect = {
  name({ children }) {
    const nodesByName = new Map<string, IsoNode>()
    for (const node of children) {
      if (node.kind === 'link') continue
      const name = jolietName(node.name)
      const other = nodesByName.get(name)
      if (other)
        throw isoFaults.name(
          `${other.path} and ${node.path} are one name in Joliet (64 characters, none of *:;?\\); rename one`,
        )
      nodesByName.set(name, node)
    }
    return [...nodesByName]
      .sort(([a], [b]) => byText(a, b))
      .map(([name, node]) => ({
        node,
        identifier: ucs2(node.kind === 'directory' ? name : `${name};1`),
      }))
  },
  entries: () => [],
}
