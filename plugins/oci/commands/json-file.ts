// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { clientFaults } from '../client/faults.ts'

/** A JSON document of a file, or of standard input for `-`; the appliance checks what it says. */
export async function readJsonFile(path: string): Promise<unknown> {
  const text =
    path === '-'
      ? await Bun.stdin.text()
      : await readFile(path, 'utf8').catch((cause: unknown) => {
          throw clientFaults.content(`cannot read ${path}: ${(cause as Error).message}`, { cause })
        })
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw clientFaults.content(`${path === '-' ? 'standard input' : path} is not valid JSON`, {
      cause,
    })
  }
}
