// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import type { DeclaredCommand } from '../../../core/command.ts'
import { repositoryContent } from '../client/content.ts'
import { pushTree } from '../client/push.ts'
import { showReference, wanted } from '../client/reference.ts'
import { readTree } from '../client/tree.ts'
import { openUploadMemory } from '../client/upload-memory.ts'
import { cacheFolder } from './client-folder.ts'
import { openDoor, REMOTE_OPTIONS } from './door.ts'
import { interruptible } from './interruptible.ts'
import { showProgress } from './progress.ts'
import { tellDone } from './push.ts'
import { TRANSFER_OPTIONS, transferOptions } from './transfer-options.ts'

export const copyCommand: DeclaredCommand = {
  name: 'cp',
  summary: 'copy an image or artifact between repositories or registries',
  about:
    'Nothing is kept on this box on the way. What the target has is not sent; within one registry\nnothing is.',
  arguments: [
    { name: 'SRC', summary: '[HOST/]NAME[:TAG][@DIGEST]' },
    { name: 'DST', summary: '[HOST/]NAME[:TAG]' },
  ],
  options: {
    referrers: { summary: 'also its signatures and other referrers' },
    ...TRANSFER_OPTIONS,
    ...REMOTE_OPTIONS,
  },
  examples: [
    'slipway oci cp registry.lab:5000/os/debian:13 os/debian:13 --referrers',
    'slipway oci cp os/debian:13 os/stable:latest',
  ],
  async call(call) {
    const { args, env, flags, out } = call
    await using door = openDoor(call)
    const from = await door.place(args[0] ?? '')
    const to = await door.place(args[1] ?? '')
    return await interruptible(out, async (signal) => {
      using progress = showProgress(out)
      const options = { ...transferOptions(call, progress), signal }
      const found = await from.registry.manifest(from.repository, wanted(from), signal)
      const content = repositoryContent(from.registry, from.repository, options)
      const top = { ...found, size: found.bytes.byteLength }
      const tree = await readTree(content, top, { referrers: flags.on('referrers') })
      const memory = await openUploadMemory(join(cacheFolder(env), 'uploads'), Date.now)
      const reference = to.digest ?? to.tag ?? from.tag ?? found.digest
      await pushTree(to.registry, to.repository, content, tree, reference, { ...options, memory })
      const shown = showReference({ ...to, tag: to.tag ?? from.tag, digest: undefined })
      tellDone(call, { reference: shown, tree, progress })
      return 0
    })
  },
}
