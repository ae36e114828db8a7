// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../core/command.ts'
import { openFileSource } from './byte-source.ts'
import type { IsoEntry } from './iso-reader.ts'
import { type IsoImage, openIso } from './open-iso.ts'

const KINDS = { file: '-', directory: 'd', symlink: 'l' } as const

/** Names come from the image, perhaps a stranger's: nothing in them may steer the terminal. */
const printable = (text: string) =>
  text.replace(
    /\p{Cc}/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )

function line({ kind, mode, sizeBytes, extents, path, target }: IsoEntry): string {
  const permissions = mode === undefined ? '   -' : (mode & 0o7777).toString(8).padStart(4, '0')
  const at = extents.map(({ start, length }) => `${start}+${length}`).join(',') || '-'
  const arrow = target === undefined ? '' : ` -> ${target}`
  return printable(
    `${KINDS[kind]} ${permissions} ${String(sizeBytes).padStart(12)} ${at.padEnd(24)} ${path}${arrow}`,
  )
}

function describe({ volumeId, names, volumeBytes, boot }: IsoImage): string[] {
  const entries = (boot?.entries ?? []).map(
    ({ platform, lba, sectors, bootable }) =>
      `boot ${platform}: sector ${lba}, loads ${sectors} x 512 bytes${bootable ? '' : ', not bootable'}`,
  )
  return [printable(`volume ${volumeId}, ${volumeBytes} bytes, names ${names}`), ...entries]
}

export const lsCommand: DeclaredCommand = {
  name: 'ls',
  summary: 'list an ISO image: paths, sizes, extents (byte+length), boot entries',
  arguments: [{ name: 'FILE', summary: 'the image' }],
  examples: ['slipway iso ls image.iso', 'slipway iso ls image.iso --json'],
  async call({ args, out }) {
    await using source = await openFileSource(args[0] ?? '')
    const image = await openIso(source)
    const entries = await image.list()
    const { volumeId, volumeBytes, names, boot } = image
    const document = {
      volume_id: volumeId,
      size_bytes: volumeBytes,
      names,
      boot: boot?.entries ?? [],
      entries: entries.map(({ path, kind, sizeBytes, extents, mode, target }) => ({
        path,
        kind,
        size_bytes: sizeBytes,
        extents,
        mode,
        target,
      })),
    }
    out.answer(document, () => [...describe(image), ...entries.map(line)])
    return 0
  },
}
