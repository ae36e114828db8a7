// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ApplianceClient, ArgumentSpec, Flags, OptionSpecs } from '../../core/command.ts'
import type { Output } from './output.ts'

/** One call of a command. */
export interface Call {
  readonly args: readonly string[]
  readonly flags: Flags
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: Output
  /** The appliance that this call is meant for; nothing is sent yet. */
  client(): Promise<ApplianceClient>
}

export interface CliCommand {
  /** `['job', 'create']` */
  readonly words: readonly string[]
  readonly summary: string
  /** Further lines of the help. */
  readonly about?: string
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: OptionSpecs
  readonly examples: readonly string[]
  /** It reads its own options: everything after its words comes as arguments. */
  readonly raw?: boolean
  /** Returns the exit code; throws CliProblem. */
  run(call: Call): Promise<number>
}

/** Understood by every command, before or after its words. */
export const COMMON_OPTIONS = {
  help: { short: 'h', summary: 'this help' },
  json: { summary: 'print the API’s documents instead of lines for people' },
  url: { value: 'URL', summary: 'the appliance to talk to ($SLIPWAY_URL)' },
  profile: { value: 'NAME', summary: 'client profile to use ($SLIPWAY_PROFILE)' },
  'token-file': { value: 'FILE', summary: 'file with the token ($SLIPWAY_TOKEN_FILE)' },
  user: { value: 'NAME', summary: 'log in with a password instead of a token ($SLIPWAY_USER)' },
  ca: { value: 'FILE', summary: 'CA certificate of the appliance, PEM ($SLIPWAY_CA_FILE)' },
  fingerprint: {
    value: 'SHA256',
    summary: 'fingerprint of that CA, when its file is not at hand ($SLIPWAY_FINGERPRINT)',
  },
  data: { value: 'FOLDER', summary: 'data folder of an appliance on this machine ($SLIPWAY_DATA)' },
} as const satisfies OptionSpecs
