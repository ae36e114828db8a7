// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerRules } from '../../core/jobs/controller.ts'
import { keyOf, type Message, wordsOf } from './messages.ts'

/** Body of an InsertMedia order. */
export type InsertBody = Readonly<Record<string, string | boolean>>

/**
 * What may have to stand beside `Image`, in the order in which it is tried when a controller says
 * only that something is wrong (sushy virtual_media.py, bmclib virtual_media.go). DGX wants user
 * and password even where there are none (sushy note vmedia-blank-auth).
 */
const rungs = (imageUrl: string): readonly InsertBody[] => [
  { TransferProtocolType: imageUrl.startsWith('https:') ? 'HTTPS' : 'HTTP' },
  { TransferMethod: 'Stream' },
  { UserName: 'none', Password: 'none' },
  { Inserted: true },
  { WriteProtected: true },
]

const without = (body: InsertBody, names: readonly string[]): InsertBody =>
  Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))

/** Holds what was learnt of one controller during one insert. */
export interface Ladder {
  /** The first body: `Image` alone where nothing more is known. */
  readonly first: InsertBody
  /** The next body to try after a refusal, or undefined when there is nothing left to learn. */
  next(refused: InsertBody, messages: readonly Message[]): InsertBody | undefined
}

/** An id that names no cause: then the ladder is climbed blindly. */
const SAYS_NOTHING = /^(GeneralError|ExtendedInfo|)$/
/** It complains of a member as such; adding it would be the wrong lesson. */
const DOES_NOT_KNOW = /NotSupported|Unknown|Unrecognized|NotWritable|NotApplicable/

/** What is known before the first try. */
export interface LadderParts {
  readonly imageUrl: string
  readonly rules: ControllerRules
  /** Parameters that ActionInfo calls required. */
  readonly required: readonly string[]
  readonly by: 'action' | 'patch'
}

/** Finds the body that a controller takes. Each member is added at most once and dropped at most once. */
export function createLadder({ imageUrl, rules, required, by }: LadderParts): Ladder {
  const barred = rules.insertWithout ?? []
  const all = rungs(imageUrl)
  const dropped = new Set<string>(barred)
  const named = (body: InsertBody) => all.filter((rung) => Object.keys(rung).some((n) => n in body))

  const merge = (body: InsertBody, more: readonly InsertBody[]): InsertBody =>
    without(Object.assign({}, ...more, body), [...dropped])

  const wanted = all.filter((rung) => Object.keys(rung).some((name) => required.includes(name)))
  // Lenovo takes no PATCH without Inserted (sushy, SD530).
  const standing: InsertBody = by === 'patch' ? { Inserted: true } : {}
  const first = {
    ...merge({ Image: imageUrl }, [...wanted, standing]),
    ...rules.insertWith,
  }

  /** Members that the messages mention by name. */
  function mentioned(messages: readonly Message[]): readonly string[] {
    const words = messages.map((one) => `${wordsOf(one)} ${one.args.join(' ')}`).join(' ')
    const names = all.flatMap((rung) => Object.keys(rung))
    return names.filter((name) => new RegExp(`\\b${name}\\b`).test(words))
  }

  /** One rung more than what was refused, in the order of the ladder. */
  function climb(refused: InsertBody): InsertBody | undefined {
    const known = new Set(named(refused))
    const rung = all.find(
      (one) => !known.has(one) && !Object.keys(one).every((name) => dropped.has(name)),
    )
    return rung && merge(refused, [rung])
  }

  return {
    first,
    next(refused, messages) {
      const names = mentioned(messages)
      const complained = names.filter((name) => name in refused && !dropped.has(name))
      if (complained.length > 0) {
        for (const name of complained) dropped.add(name)
        return without(refused, complained)
      }
      const unknown = messages.some((message) => DOES_NOT_KNOW.test(keyOf(message)))
      const missing = names.filter((name) => !(name in refused) && !dropped.has(name))
      if (missing.length > 0 && !unknown) {
        const more = all.filter((rung) => Object.keys(rung).some((name) => missing.includes(name)))
        return merge(refused, more)
      }
      const blind = messages.every((message) => SAYS_NOTHING.test(keyOf(message)))
      return blind && names.length === 0 ? climb(refused) : undefined
    },
  }
}
