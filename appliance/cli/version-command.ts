// SPDX-License-Identifier: AGPL-3.0-or-later
import { version } from '../../core/version.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'

export const versionCommand: CliCommand = {
  words: ['version'],
  summary: 'version, commit and the date of the commit',
  examples: ['slipway version', 'slipway version --json'],
  async run({ out }) {
    out.answer(version, ({ commit, commit_date: date }) => [
      `slipway ${version.version} (${[commit, date].filter(Boolean).join(', ')})`,
    ])
    return EXIT.ok
  },
}
