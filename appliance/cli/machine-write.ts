// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MachineView } from '../../schemas/machine.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { readInput } from './input.ts'
import { bmcPassword, MACHINE_OPTIONS, machineFields } from './machine-options.ts'
import { failure, usageProblem } from './problem.ts'
import { canAsk, confirm } from './prompt.ts'

export const SERIAL = { name: 'SERIAL', summary: 'serial or alias of the machine' }

/** Path of a machine in the API. */
export const machinePath = (serial: string) => `/api/v1/machines/${encodeURIComponent(serial)}`

export const machineAdd: CliCommand = {
  words: ['machine', 'add'],
  summary: 'make a machine known',
  about: 'The BMC’s password is asked for, or read from --bmc-password-file.',
  arguments: [{ name: 'SERIAL', summary: 'serial of the machine' }],
  options: {
    ...MACHINE_OPTIONS,
    alias: { value: 'NAME', repeat: true, summary: 'another serial of the same machine' },
  },
  examples: [
    'slipway machine add XF-1 --bmc https://10.0.0.5 --bmc-user root --label rack=a12',
    'slipway machine add XF-1 --bmc https://10.0.0.5 --bmc-user root --bmc-password-file - < pw',
  ],
  async run({ args: [serial], flags, out, client: open }) {
    for (const needed of ['bmc', 'bmc-user']) {
      if (!flags.on(needed)) throw usageProblem(`--${needed} is needed`, 'slipway machine add')
    }
    const fields = await machineFields(flags)
    const aliases = flags.list('alias')
    const client = await open()
    const machine = await client.json<MachineView>('POST', '/api/v1/machines', {
      body: {
        serial,
        ...(aliases.length > 0 ? { aliases } : {}),
        // A new machine has nothing that could be taken away.
        ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)),
        password: await bmcPassword(flags),
      },
    })
    out.answer(machine, () => [
      `machine ${machine.serial} is known; \`slipway machine probe ${machine.serial}\` reads its controller`,
    ])
    return EXIT.ok
  },
}

export const machineSet: CliCommand = {
  words: ['machine', 'set'],
  summary: 'change what is known of a machine',
  arguments: [SERIAL],
  options: {
    ...MACHINE_OPTIONS,
    'new-password': { summary: 'ask for a new password of the BMC' },
    unprotect: { summary: 'accept jobs again' },
  },
  examples: [
    'slipway machine set XF-1 --protect',
    'slipway machine set XF-1 --bmc-user root --new-password',
  ],
  async run({ args: [serial = ''], flags, out, client: open }) {
    const fields = await machineFields(flags)
    if (flags.on('unprotect')) fields['protected'] = false
    if (flags.on('new-password') || flags.on('bmc-password-file')) {
      fields['password'] = await bmcPassword(flags)
    }
    if (Object.keys(fields).length === 0) {
      throw usageProblem('nothing to change was given', 'slipway machine set')
    }
    const client = await open()
    const machine = await client.json<MachineView>('PATCH', machinePath(serial), { body: fields })
    out.answer(machine, () => [`machine ${machine.serial} is changed`])
    return EXIT.ok
  },
}

export const machineRemove: CliCommand = {
  words: ['machine', 'remove'],
  summary: 'forget a machine and its credentials',
  arguments: [SERIAL],
  options: { yes: { short: 'y', summary: 'do not ask' } },
  examples: ['slipway machine remove XF-1 --yes'],
  async run({ args: [serial = ''], flags, out, client: open }) {
    if (!flags.on('yes')) {
      if (!canAsk())
        throw usageProblem('without a terminal it needs --yes', 'slipway machine remove')
      if (!(await confirm(`Forget ${serial} and its credentials?`))) return EXIT.failure
    }
    await (await open()).request('DELETE', machinePath(serial))
    out.answer({ removed: serial }, () => [`machine ${serial} is forgotten`])
    return EXIT.ok
  },
}

/** Answer of POST /api/v1/machines/import. */
interface Imported {
  readonly added: readonly string[]
  readonly updated: readonly string[]
  readonly unchanged: readonly string[]
}

export const machineImport: CliCommand = {
  words: ['machine', 'import'],
  summary: 'add or change many machines at once: all of them or, on any fault, none',
  about:
    'CSV has a head line with the names of the API: serial, bmc_url, username, password, aliases,\nlabels, system_uri, tls, media_plan, protected. JSON is {"machines": […]}.',
  arguments: [{ name: 'FILE', summary: 'CSV or JSON; - for standard input' }],
  options: {
    format: { value: 'FORMAT', choices: ['csv', 'json'], summary: 'when the name does not tell' },
  },
  examples: [
    'slipway machine import fleet.csv',
    'make-fleet | slipway machine import - --format json',
  ],
  async run({ args: [file = ''], flags, out, client: open }) {
    const ending = /\.(csv|json)$/i.exec(file)?.[1]?.toLowerCase()
    const format = flags.text('format') ?? ending
    if (format === undefined)
      throw usageProblem('CSV or JSON? --format says', 'slipway machine import')
    const text = await readInput(file)
    if (text.trim() === '') throw failure('file', `${file} is empty`)
    const client = await open()
    const done = await client.json<Imported>('POST', '/api/v1/machines/import', {
      raw: () => text,
      headers: { 'content-type': format === 'csv' ? 'text/csv' : 'application/json' },
    })
    out.answer(done, ({ added, updated, unchanged }) => [
      `${added.length} added, ${updated.length} updated, ${unchanged.length} unchanged`,
    ])
    return EXIT.ok
  },
}
