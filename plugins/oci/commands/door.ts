// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import type { CommandCall, OptionSpecs } from '../../../core/command.ts'
import { clientFaults } from '../client/faults.ts'
import { type LoginFile, readLogins } from '../client/login-files.ts'
import { parseReference, type Reference } from '../client/reference.ts'
import { Registry } from '../client/registry.ts'
import type { Credentials } from '../client/tokens.ts'
import { createTransport } from '../client/transport.ts'

/** Of every command that may talk to another registry than the appliance's. */
export const REMOTE_OPTIONS = {
  'remote-ca': { value: 'FILE', summary: 'CA of a registry that is not the appliance, PEM' },
} as const satisfies OptionSpecs

/** A reference with the registry behind it. */
export interface Place extends Reference {
  readonly registry: Registry
}

/** Opens registries as one call needs them, each once. Close it. */
export interface Door extends AsyncDisposable {
  at(reference: Reference): Promise<Registry>
  /** Reads `[HOST/]NAME[:TAG][@DIGEST]` and opens its registry. */
  place(text: string): Promise<Place>
}

export function openDoor(call: CommandCall): Door {
  const open = new Map<string, Promise<Registry>>()
  let logins: Promise<LoginFile> | undefined

  const common = {
    now: Date.now,
    onWarning: (text: string) => call.out.note(`warning: ${text}`),
  }

  async function registryOf(origin: string, own: boolean): Promise<Registry> {
    if (own) {
      const { ca, authorization } = await (await call.client()).access()
      const credentials = authorization === undefined ? undefined : { authorization }
      return new Registry(createTransport({ ...common, origin, ca, credentials }))
    }
    logins ??= readLogins(call.env)
    const credentials = checkedLogin(origin, (await logins).find(origin))
    const file = call.flags.text('remote-ca')
    const ca = file === undefined ? undefined : await readCa(file)
    return new Registry(createTransport({ ...common, origin, ca, credentials }))
  }

  async function at({ origin }: Reference): Promise<Registry> {
    const own = (await call.client()).url
    const wanted = origin ?? own
    const known = open.get(wanted) ?? registryOf(wanted, wanted === own)
    open.set(wanted, known)
    return known
  }

  return {
    at,
    async place(text) {
      const reference = parseReference(text)
      return { ...reference, registry: await at(reference) }
    },
    async [Symbol.asyncDispose]() {
      for (const one of await Promise.allSettled(open.values())) {
        if (one.status === 'fulfilled') await one.value[Symbol.asyncDispose]()
      }
    },
  }
}

/** A password must not go over a line that anybody can listen to. */
function checkedLogin(origin: string, login: Credentials | undefined): Credentials | undefined {
  const { protocol, hostname } = new URL(origin)
  const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname)
  if (!login || protocol === 'https:' || loopback) return login
  throw clientFaults.denied(
    `the login for ${origin} would go there in clear: use https, or log out of it`,
  )
}

async function readCa(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw clientFaults.content(`cannot read the CA ${path}: ${(cause as Error).message}`, { cause })
  })
}
