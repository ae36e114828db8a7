// SPDX-License-Identifier: AGPL-3.0-or-later
import { firstWord, parseLine } from './arguments.ts'
import type { CliCommand } from './command.ts'
import { coreCommands } from './commands.ts'
import { EXIT } from './exit.ts'
import { commandHelp, groupHelp, showHelp } from './help.ts'
import { type Output, standardOutput } from './output.ts'
import { toProblem, usageProblem } from './problem.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Runs one command line to its end. Returns the exit code; never throws. */
export async function runLine(argv: readonly string[], env: Env): Promise<number> {
  const dashes = argv.indexOf('--')
  const json = argv.slice(0, dashes === -1 ? undefined : dashes).includes('--json')
  const out = standardOutput(json, env)
  try {
    return await dispatch(argv, env, out)
  } catch (error) {
    const problem = toProblem(error)
    if (problem.exit !== EXIT.brokenPipe) out.problem(problem.document)
    return problem.exit
  }
}

async function dispatch(argv: readonly string[], env: Env, out: Output): Promise<number> {
  const commands = await commandsFor(argv)
  const parsed = parseLine(argv, commands)
  if (parsed.kind === 'group') {
    const lines = groupHelp(parsed.words, commands)
    if (parsed.help) return showHelp(lines, out)
    if (out.json) throw usageProblem('a command is needed', ['slipway', ...parsed.words].join(' '))
    for (const line of lines) out.note(line)
    return EXIT.usage
  }
  const { command, args, flags } = parsed
  if (flags.on('help')) return showHelp(commandHelp(command), out)
  const client = async () => (await import('./client.ts')).openClient(flags, env)
  return command.run({ args, flags, env, out, client })
}

/** Plugins are large: they are only loaded when the line cannot be told without their commands. */
async function commandsFor(argv: readonly string[]): Promise<readonly CliCommand[]> {
  const commands: CliCommand[] = []
  commands.push(...coreCommands(() => commands))
  const word = firstWord(argv)
  const toldByCore = commands.some(({ words }) => words[0] === word)
  const needsAll = word === 'help' || word === 'completion'
  if (!toldByCore || needsAll) {
    const { pluginCommands } = await import('./plugin-commands.ts')
    commands.push(...pluginCommands())
  }
  return commands
}
