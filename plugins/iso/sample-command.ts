// SPDX-License-Identifier: AGPL-3.0-or-later
import { localCommand, UsageError, writtenReport } from './local-command.ts'
import { writeSampleBootIso } from './sample-boot-iso.ts'

export const sampleCommand = localCommand({
  name: 'sample',
  summary: 'make a small bootable test medium (BIOS and UEFI)',
  usage: '-o FILE [--size BYTES] [--json]',
  options: {
    output: { type: 'string', short: 'o' },
    size: { type: 'string' },
    json: { type: 'boolean' },
  },
  async work({ values: { output, size }, positionals }) {
    if (positionals.length > 0) throw new UsageError(`${positionals[0]} has no meaning here`)
    if (output === undefined) throw new UsageError('name the image by -o')
    if (size !== undefined && !/^[1-9]\d{0,14}$/.test(size))
      throw new UsageError(`${size} is no number of bytes`)
    const sizeBytes = size === undefined ? {} : { sizeBytes: Number(size) }
    const written = await writeSampleBootIso(output, sizeBytes)
    return writtenReport(output, written)
  },
})
