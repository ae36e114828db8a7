// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises'
import { isoFaults } from './faults.ts'
import { utf8 } from './fields.ts'
import { checkName } from './names.ts'

/** What a file holds: bytes, another file that is streamed, or pieces that come to `sizeBytes`. */
export type IsoBytes =
  | Uint8Array
  | { readonly file: string }
  | { readonly sizeBytes: number; pieces(): Iterable<Uint8Array> }

/** A file, a symbolic link, or a directory that may stay empty. */
export type IsoContent = IsoBytes | { readonly linkTo: string } | 'directory'

export interface IsoFile {
  readonly kind: 'file'
  readonly name: string
  readonly path: string
  readonly sizeBytes: number
  readonly content: IsoBytes
}

export interface IsoLink {
  readonly kind: 'link'
  readonly name: string
  readonly path: string
  readonly target: string
}

export interface IsoDirectory {
  readonly kind: 'directory'
  readonly name: string
  readonly path: string
  /** Sorted by name. */
  readonly children: readonly IsoNode[]
  /** How many of them are directories. Kept, since every one of those says it of its parent. */
  readonly directoryCount: number
}

export type IsoNode = IsoFile | IsoLink | IsoDirectory

/** PATH_MAX of Linux without its final NUL. */
const LONGEST_TARGET = 4_095

interface Draft {
  readonly path: string
  readonly children: Map<string, Draft>
  /** Undefined for a directory that only its children name. */
  content: IsoContent | undefined
}

const draft = (path: string): Draft => ({ path, children: new Map(), content: undefined })

const isDirectory = ({ content }: Draft) => content === undefined || content === 'directory'

function graft(root: Draft, path: string, content: IsoContent): void {
  const names = path.replace(/^\//, '').split('/')
  let at = root
  for (const name of names) {
    checkName(name, path)
    if (!isDirectory(at))
      throw isoFaults.invalid(`${at.path} is both a file and the directory of ${path}; rename one`)
    const next = at.children.get(name) ?? draft(`${at.path}/${name}`)
    at.children.set(name, next)
    at = next
  }
  const isFree = at.content === undefined && at.children.size === 0
  if (!isFree && !(content === 'directory' && isDirectory(at)))
    throw isoFaults.invalid(`${at.path} is there twice; give it once`)
  at.content = content
}

async function sizeOf(path: string, content: IsoBytes): Promise<number> {
  if (content instanceof Uint8Array) return content.byteLength
  if ('sizeBytes' in content) return content.sizeBytes
  const found = await stat(content.file).catch((cause: unknown) => {
    throw isoFaults.source(`${content.file}, meant as ${path}, can not be read`, { cause })
  })
  if (!found.isFile()) throw isoFaults.source(`${content.file}, meant as ${path}, is not a file`)
  return found.size
}

/** By UTF-16 units: the same on every machine, unlike a locale's order. */
export const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

async function finish(name: string, { path, content, children }: Draft): Promise<IsoNode> {
  if (content === undefined || content === 'directory') {
    const sorted = [...children].sort(([a], [b]) => byText(a, b))
    // At once: thousands of files would wait for each other's sizes.
    const nodes = await Promise.all(sorted.map(([childName, child]) => finish(childName, child)))
    const directoryCount = nodes.filter((node) => node.kind === 'directory').length
    return { kind: 'directory', name, path, children: nodes, directoryCount }
  }
  if (content instanceof Uint8Array || !('linkTo' in content))
    return { kind: 'file', name, path, sizeBytes: await sizeOf(path, content), content }
  const { linkTo } = content
  const isText = linkTo !== '' && !linkTo.includes('\0') && linkTo.isWellFormed()
  if (!isText || utf8(linkTo).length > LONGEST_TARGET)
    throw isoFaults.name(`the link ${path} points to a name that can not be; correct its target`)
  return { kind: 'link', name, path, target: linkTo }
}

/** Makes a tree of flat paths (`/a/b` or `a/b`), with the size of every file. Throws on names that can not be. */
export async function buildTree(contents: ReadonlyMap<string, IsoContent>): Promise<IsoDirectory> {
  const root = draft('')
  for (const [path, content] of contents) graft(root, path, content)
  const node = await finish('', root)
  // An empty path was refused above.
  if (node.kind !== 'directory') throw new Error('the root of an image is a directory')
  return node
}
