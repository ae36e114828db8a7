// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandOutput } from '../../core/command.ts'
import type { WrittenIso } from './write-iso.ts'

/** Says which image was written. */
export function reportWritten(out: CommandOutput, file: string, written: WrittenIso): void {
  const { sizeBytes, sha256 } = written
  out.answer({ file, size_bytes: sizeBytes, sha256 }, () => [
    `${file}: ${sizeBytes} bytes, sha256 ${sha256}`,
  ])
}
