// SPDX-License-Identifier: AGPL-3.0-or-later
/** Makes many images of one folder in one process, as a running appliance makes task ISOs. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeIso } from '../../plugins/iso/index.ts'

const [folder = '', output = '', count = ''] = process.argv.slice(2)
const tree = new Map<string, Uint8Array>()
for (const name of await readdir(folder))
  tree.set(`/${name}`, await Bun.file(join(folder, name)).bytes())
for (let made = 0; made < Number(count); made++)
  await writeIso(output, { volumeId: 'BENCH', tree, mode: 0o600 })
