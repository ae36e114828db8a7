// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { jsonFault } from './json-fault.ts'
import { failure, usageProblem } from './problem.ts'

/** Text of a file, or of standard input for `-`. */
export async function readInput(path: string): Promise<string> {
  if (path === '-') return Bun.stdin.text()
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw failure('file', `cannot read ${path}: ${(cause as Error).message}`, cause)
  })
}

/** A JSON document of a file or of standard input. */
export async function readJsonInput(path: string): Promise<unknown> {
  const text = await readInput(path)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const name = path === '-' ? 'standard input' : path
    const place = jsonFault(text)
    const where = place ? `:${place.line}:${place.column}` : ''
    throw failure('json', `${name}${where} is not valid JSON`, cause)
  }
}

/** `k=v` options as an object. */
export function pairs(option: string, given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const equals = pair.indexOf('=')
      if (equals < 1) throw usageProblem(`--${option} is NAME=VALUE, not \`${pair}\``)
      return [pair.slice(0, equals), pair.slice(equals + 1)]
    }),
  )
}
