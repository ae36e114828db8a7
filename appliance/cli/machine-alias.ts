// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MachineView } from '../../schemas/machine.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { machinePath, SERIAL } from './machine-write.ts'

const ALIAS = { name: 'ALIAS', summary: 'another serial or UUID of the same machine' }
const said = ({ serial, aliases }: MachineView) => [
  `machine ${serial} is known as ${[serial, ...aliases].join(', ')}`,
]

export const machineAliasAdd: CliCommand = {
  words: ['machine', 'alias', 'add'],
  summary: 'another serial under which the machine may report',
  arguments: [SERIAL, ALIAS],
  examples: ['slipway machine alias add XF-1 4C4C4544-0031-3510-8052-B4C04F313233'],
  async run({ args: [serial = '', alias], out, client: open }) {
    const client = await open()
    const path = `${machinePath(serial)}/aliases`
    out.answer(await client.json<MachineView>('POST', path, { body: { alias } }), said)
    return EXIT.ok
  },
}

export const machineAliasRemove: CliCommand = {
  words: ['machine', 'alias', 'remove'],
  summary: 'take an alias away',
  arguments: [SERIAL, ALIAS],
  examples: ['slipway machine alias remove XF-1 OLD-SERIAL'],
  async run({ args: [serial = '', alias = ''], out, client: open }) {
    const client = await open()
    const path = `${machinePath(serial)}/aliases/${encodeURIComponent(alias)}`
    out.answer(await client.json<MachineView>('DELETE', path), said)
    return EXIT.ok
  },
}
