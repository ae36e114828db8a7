// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { redfishFaults } from './faults.ts'
import { type Knows, knows, readProfile } from './profile-file.ts'

async function load(path: string): Promise<Knows> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw redfishFaults.profile(
      `The profile ${path} can not be read: ${(cause as Error).message}. Check redfish.profiles.`,
      { cause },
    )
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw redfishFaults.profile(`The profile ${path} is no JSON: ${(cause as Error).message}.`, {
      cause,
    })
  }
  return knows(readProfile(value, path), path)
}

/** Profiles of files named in the configuration, asked in their order. */
export interface ProfileFiles {
  /** Reads all files. Throws `redfish.profile` for the first that can not be used. */
  open(): Promise<void>
  readonly knows: Knows
}

export function createProfileFiles(paths: readonly string[]): ProfileFiles {
  let files: readonly Knows[] = []
  return {
    async open() {
      files = await Promise.all(paths.map(load))
    },
    knows(identity) {
      for (const one of files) {
        const profile = one(identity)
        if (profile) return profile
      }
      return undefined
    },
  }
}
