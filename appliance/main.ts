// SPDX-License-Identifier: AGPL-3.0-or-later
import { EXIT } from './cli/exit.ts'
import { runLine } from './cli/run-line.ts'

// Commands of plugins write to the streams. `slipway iso ls | head` is no fault of theirs.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(EXIT.brokenPipe)
  })
}

const code = await runLine(process.argv.slice(2), process.env)
// A slow reader may not have taken everything yet, and exit does not wait for it.
await new Promise<void>((resolve) => process.stdout.end(() => resolve()))
process.exit(code)
