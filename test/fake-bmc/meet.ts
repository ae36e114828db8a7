// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Contact, type ContactOptions, createContact } from './contact.ts'
import { type Behaviour, type ScriptedBmc, type ScriptedOptions, scriptBmc } from './scripted.ts'

/** A scripted BMC, and an appliance that is about to talk to it. */
export interface Meeting extends AsyncDisposable {
  readonly bmc: ScriptedBmc
  readonly contact: Contact
}

export async function meetBmc(
  behave: Behaviour,
  options: Partial<ContactOptions> = {},
  script: ScriptedOptions = {},
): Promise<Meeting> {
  await using scope = new AsyncDisposableStack()
  const bmc = scope.use(await scriptBmc(behave, script))
  const contact = scope.use(await createContact({ url: bmc.url, ...options }))
  const opened = scope.move()
  return { bmc, contact, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}
