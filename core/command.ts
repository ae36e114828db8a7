// SPDX-License-Identifier: AGPL-3.0-or-later
/** How a plugin's command sees the command line that it is part of. Only types: nothing is loaded. */

/** An option of a command. Without `value` it is a switch. */
export interface OptionSpec {
  /** One letter, without its dash. */
  readonly short?: string
  /** Placeholder of its value in the help, e.g. `FILE`. */
  readonly value?: string
  /** May be given several times. */
  readonly repeat?: boolean
  /** The only values that make sense, for the check and for completion. */
  readonly choices?: readonly string[]
  readonly summary: string
}
export type OptionSpecs = Readonly<Record<string, OptionSpec>>

export interface ArgumentSpec {
  /** Upper case, as the help shows it. */
  readonly name: string
  readonly summary: string
  readonly optional?: boolean
  /** Takes all that follow; only the last one may. */
  readonly many?: boolean
}

/** What the command line gave for the options. */
export interface Flags {
  /** Was the switch given? */
  on(name: string): boolean
  text(name: string): string | undefined
  list(name: string): readonly string[]
}

/** Where a command writes: documents and lines to standard output, all else to standard error. */
export interface CommandOutput {
  /** `--json`: standard output carries documents only. */
  readonly json: boolean
  /** A terminal that can be drawn upon. */
  readonly live: boolean
  /** The text in the colour of a result or level; as it is where colour is not welcome. */
  paint(kind: string, text: string): string
  /** Columns of the terminal now; undefined when lines may be as long as they like. */
  columns(): number | undefined
  /** One line for a person; nothing under `--json`. */
  print(line?: string): void
  /** One line on standard error. */
  note(line: string): void
  /** Text as it is, control sequences included. */
  raw(text: string): void
  /** A document of the API; only under `--json`. */
  document(value: unknown): void
  /** An answer: the document under `--json`, else the lines made from it. */
  answer<T>(value: T, lines: (value: T) => readonly string[]): void
}

export interface RequestOptions {
  /** Sent as JSON. */
  readonly body?: unknown
  /** Makes what is sent as it is; called again when a connection could not be made at first. */
  readonly raw?: () => ReadableStream<Uint8Array> | string
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Until the answer begins; 30 s unless given. 0: no limit. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** What a client of another protocol needs to reach the same appliance as the same caller. */
export interface ApplianceAccess {
  /** Origin without a slash at the end. */
  readonly url: string
  /** PEM of the CA to believe; undefined: those that the runtime knows. */
  readonly ca: string | undefined
  /** Value of the Authorization header. */
  readonly authorization: string | undefined
}

/** The appliance's API, as one command uses it. */
export interface ApplianceClient {
  readonly url: string
  /** Any 2xx. Everything else becomes a problem with the exit code that belongs to it. */
  request(method: string, path: string, options?: RequestOptions): Promise<Response>
  /** The answer's document; undefined for one without a body. */
  json<T>(method: string, path: string, options?: RequestOptions): Promise<T>
  /** Asks at a terminal whether to trust an unknown CA, as a first request does. */
  access(): Promise<ApplianceAccess>
}

/** One call of a plugin's declared command. */
export interface CommandCall {
  readonly args: readonly string[]
  readonly flags: Flags
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: CommandOutput
  /** The appliance that this call is meant for; nothing is sent yet. */
  client(): Promise<ApplianceClient>
  /** Asks, unless `--yes` was given. Throws a usage problem where nobody can be asked. */
  confirmed(question: string): Promise<boolean>
  /** An error that ends the command with the exit code of a wrong command line. */
  usage(message: string): Error
}

/** A command whose options are declared: help, completion, login and errors are the executable's. */
export interface DeclaredCommand {
  /** One word or more: `tag log`. */
  readonly name: string
  readonly summary: string
  /** Further lines of the help. */
  readonly about?: string
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: OptionSpecs
  /** Whole lines, beginning with `slipway`. */
  readonly examples: readonly string[]
  /** Returns the exit code; throws faults, whose status decides it. */
  call(call: CommandCall): Promise<number>
}
