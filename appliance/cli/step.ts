// SPDX-License-Identifier: AGPL-3.0-or-later
import { didYouMean } from '../../core/nearest.ts'
import type { CliCommand } from './command.ts'
import { usageProblem } from './problem.ts'

export const stepCommand: CliCommand = {
  words: ['step'],
  summary: 'on a machine: do one step of a task target, as its unit does',
  about:
    'Works by what `slipway dispatch` wrote. Every command that it runs is printed with its time\nand its output; how far it is goes to progress.jsonl in the env-dir.',
  arguments: [
    { name: 'NAME', summary: 'partition, image-linux, bootloader-linux or config-drive' },
  ],
  options: {
    'env-dir': { value: 'FOLDER', summary: 'what the dispatcher wrote (/run/provision)' },
    plan: { summary: 'print what it would do, and do nothing' },
  },
  examples: ['slipway step partition', 'slipway step partition --plan'],
  async run({ args: [name = ''], flags, out }) {
    const { steps } = await import('../dispatcher-steps/steps.ts')
    const step = Object.hasOwn(steps, name) ? steps[name] : undefined
    if (!step) {
      const known = Object.keys(steps)
      const hint = didYouMean(name, known) || `: it is one of ${known.join(', ')}`
      throw usageProblem(`there is no step \`${name}\`${hint}`, 'slipway step')
    }
    const { runStep } = await import('../dispatcher-steps/step.ts')
    const { thisMachine } = await import('../dispatcher/machine-os.ts')
    return await runStep(step, {
      os: thisMachine(),
      folder: flags.text('env-dir') ?? '/run/provision',
      unit: `${name}.service`,
      planOnly: flags.on('plan'),
      write: (line) => out.print(line),
    })
  },
}
