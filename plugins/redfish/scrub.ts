// SPDX-License-Identifier: AGPL-3.0-or-later
import { isPlaceholder } from '../../core/machines/names.ts'
import { createScrambler } from './scramble.ts'

/** Path → resource, as read. */
export type Tree = Readonly<Record<string, unknown>>

/** Properties whose text names a unit, a host, a place or a person; wherever it stands again, it is replaced too. */
const NAMING =
  /^(SerialNumber|ServiceTag|ChassisServiceTag|NodeID|AssetTag|AssetNumber|Host_?Name|HostingServer|FQDN|Domain_?Name|NetBIOSName|EmailAddress|UserName|User|Login|Contact(Info|Name|Person)?|ManufacturerSerial\w*|(System|Service)?UUID|EntitlementId\w*|ExpressServiceCode)$|serial_?n(umber|o)$/i
/** Secrets: not even their form is kept. */
const SECRET =
  /pass(word|phrase|wd)|secret|token$|community|private_?key|authentication_?key|encryption_?key|license_?key|activation_?key|^(key|keys|authorizationcode|sshkey|challenge)$/i
/** Where things stand and whom to ask. */
const PLACE =
  /^(PostalAddress|Placement|Contacts|GeoLocation|ServerLocation|Rack|RackName|Room|RoomName|Aisle|Building|DataCenter)$/i
/** `7.2.2.0` is no address there, and a profile goes by it. */
const VERSION = /version|firmware|revision|release/i
const MAC = /\b[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4,}[0-9a-f]{2}\b/gi
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const BARE_MAC = /^[0-9a-f]{12,}$/i
const PEM = /-----BEGIN [A-Z ]+-----/

interface Scrubbing {
  /** Names known beforehand: the user, the host, serials of the machine's row. */
  readonly names: readonly string[]
  /** `SKU` is the unit's tag, and no model number. */
  readonly skuIsSerial: boolean
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Told apart from words of the standard by a digit, it may stand in the middle of another word. */
const isTelling = (name: string) => name.length >= 6 && /\d/.test(name)

/** Every text below, with the property it stands in; below a place all texts belong to it. */
function eachText(value: unknown, key: string, visit: (key: string, text: string) => void): void {
  if (typeof value === 'string') visit(key, value)
  if (typeof value !== 'object' || value === null) return
  for (const [name, each] of Object.entries(value)) {
    const isItem = Array.isArray(value)
    eachText(each, isItem || PLACE.test(key) ? key : name, visit)
  }
}

/** All names that stand in the tree, longest first: one may be part of another. */
function namesIn(tree: Tree, { names, skuIsSerial }: Scrubbing): readonly string[] {
  const found = new Set(names)
  eachText(Object.values(tree), '', (key, text) => {
    // UEFI device paths write a MAC without its colons.
    for (const mac of text.match(MAC) ?? []) found.add(mac.replace(/[:-]/g, ''))
    // What has the form of a UUID keeps it: `addresses` sees to it.
    const isName = NAMING.test(key) || (skuIsSerial && key === 'SKU')
    const names = isName ? !UUID.test(text) : PLACE.test(key) && isTelling(text)
    if (names) found.add(text.trim())
  })
  const isNobodys = (name: string) => isPlaceholder(name) || /^(.)\1*$/.test(name)
  return [...found].filter((name) => !isNobodys(name)).sort((a, b) => b.length - a.length)
}

/** One expression for names that are replaced wherever they stand; undefined for none. */
function everywhere(names: readonly string[], tree: Tree): RegExp | undefined {
  const words = new Set(Object.keys(tree).flatMap((path) => path.toLowerCase().split('/')))
  // A host called `bmc` must not take the path of its manager with it.
  const isWord = (name: string) =>
    name.length < 4 || (words.has(name.toLowerCase()) && !/\d/.test(name))
  const patterns = names
    .filter((name) => !isWord(name))
    .map((name) =>
      isTelling(name) ? escaped(name) : `(?<![A-Za-z0-9])${escaped(name)}(?![A-Za-z0-9])`,
    )
  return patterns.length > 0 ? new RegExp(patterns.join('|'), 'gi') : undefined
}

/**
 * The tree without anything that tells whose it is: serials, UUIDs, addresses, names of hosts, places
 * and people, secrets. The same name becomes the same other name, in paths and links too. Pure but for
 * the chance in it.
 */
export function scrubbed(tree: Tree, scrubbing: Scrubbing): Tree {
  const scrambler = createScrambler()
  const pattern = everywhere(namesIn(tree, scrubbing), tree)
  const replaced = (text: string) =>
    pattern
      ? text.replace(pattern, (found) =>
          BARE_MAC.test(found) ? scrambler.octets(found) : scrambler.word(found),
        )
      : text
  const whole = (text: string) => (isPlaceholder(text) ? text : scrambler.word(text))

  function scrubText(key: string, text: string): string {
    if (SECRET.test(key) || PEM.test(text)) return text === '' ? '' : 'removed'
    const clean = VERSION.test(key) ? replaced(text) : scrambler.addresses(replaced(text))
    const isNaming = NAMING.test(key) || PLACE.test(key) || (scrubbing.skuIsSerial && key === 'SKU')
    // Short names, and words of the standard, are replaced where they are known to be names.
    return isNaming && clean === text && !UUID.test(text) ? whole(text) : clean
  }

  function scrub(value: unknown, key: string): unknown {
    if (typeof value === 'string') return scrubText(key, value)
    if (Array.isArray(value)) return value.map((each) => scrub(each, key))
    if (typeof value === 'number' && NAMING.test(key)) return 0
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [
        scrambler.addresses(replaced(name)),
        scrub(each, PLACE.test(key) ? key : name),
      ]),
    )
  }

  return Object.fromEntries(
    Object.entries(tree).map(([path, resource]) => [
      scrambler.addresses(replaced(path)),
      scrub(resource, ''),
    ]),
  )
}
