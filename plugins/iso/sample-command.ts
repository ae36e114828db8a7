// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../core/command.ts'
import { writeSampleBootIso } from './sample-boot-iso.ts'
import { reportWritten } from './written-report.ts'

export const sampleCommand: DeclaredCommand = {
  name: 'sample',
  summary: 'make a small bootable test medium (BIOS and UEFI)',
  options: {
    output: { short: 'o', value: 'FILE', summary: 'the image to write' },
    size: { value: 'BYTES', summary: 'of the image, about; 4 MiB unless given' },
  },
  examples: ['slipway iso sample -o test.iso'],
  async call({ flags, out, usage }) {
    const [output, size] = [flags.text('output'), flags.text('size')]
    if (output === undefined) throw usage('name the image with -o FILE')
    if (size !== undefined && !/^[1-9]\d{0,14}$/.test(size))
      throw usage(`--size is a number of bytes, not \`${size}\``)
    const sizeBytes = size === undefined ? {} : { sizeBytes: Number(size) }
    reportWritten(out, output, await writeSampleBootIso(output, sizeBytes))
    return 0
  },
}
