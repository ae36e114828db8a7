// SPDX-License-Identifier: AGPL-3.0-or-later
import { runLine } from './cli/run-line.ts'

process.exit(await runLine(process.argv.slice(2), process.env))
