// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MachineInput, MachinePatch } from '../../schemas/machine.ts'
import type { ControllerSurvey } from '../jobs/bmc.ts'
import type { Sealer } from '../seal.ts'
import type { Db, Tx } from '../store/client.ts'
import {
  addAlias,
  deleteMachine,
  findMachine,
  findMachineRow,
  insertMachine,
  listMachines,
  type MachineFilter,
  type MachineRow,
  machinesNamed,
  removeAlias,
  replaceAliases,
  updateMachine,
} from '../store/machines.ts'
import { machineFaults } from './faults.ts'
import type { Credentials, Machine } from './machine.ts'
import { isPlaceholder, sameName, spellings, stored } from './names.ts'

export interface MachinesParts {
  readonly db: Db
  readonly sealer: Sealer
  readonly now: () => number
}

export interface ImportTally {
  readonly added: readonly string[]
  readonly updated: readonly string[]
  readonly unchanged: readonly string[]
}

/** The machines that this appliance may provision. */
export interface Machines {
  /** Unsealed; never log or return them. Throws when the key file is not the one that sealed them. */
  credentials(machine: Machine): Promise<Credentials>
  /** Keeps the fingerprint of the first contact (`first-use` becomes `pin`). */
  pin(machine: Machine, fingerprint: string): Promise<void>
  byId(id: string): Promise<Machine | undefined>
  /** By serial or alias. Throws `machine.not-found` or `machine.ambiguous`, naming the machines. */
  named(name: string): Promise<Machine>
  list(filter: MachineFilter): Promise<readonly Machine[]>
  username(id: string): Promise<string>
  add(input: MachineInput): Promise<Machine>
  change(name: string, patch: MachinePatch): Promise<Machine>
  remove(machine: Machine): Promise<void>
  /** All or nothing. */
  import(inputs: readonly MachineInput[]): Promise<ImportTally>
  addAlias(name: string, alias: string): Promise<Machine>
  removeAlias(name: string, alias: string): Promise<Machine>
  /** Keeps a survey and the aliases that it found. */
  surveyed(machine: Machine, survey: ControllerSurvey): Promise<void>
  /** Its names that no other machine shares. */
  ownNames(machine: Machine): Promise<readonly string[]>
}

const passwordContext = (id: string) => `machine/${id}/password`

/** The columns that an input sets. */
function columns(input: Partial<MachineInput> | MachinePatch): Partial<MachineRow> {
  const tls = input.tls
  return {
    ...(input.bmc_url === undefined ? {} : { bmcUrl: new URL(input.bmc_url).origin }),
    ...(input.system_uri === undefined ? {} : { systemUri: input.system_uri ?? '' }),
    ...(input.username === undefined ? {} : { username: input.username }),
    ...(tls === undefined
      ? {}
      : {
          tls:
            tls.mode === 'ca' ? { mode: 'ca', ...(tls.ca_pem ? { caPem: tls.ca_pem } : {}) } : tls,
        }),
    ...(input.media_base_url === undefined ? {} : { mediaBaseUrl: input.media_base_url }),
    ...(input.report_base_urls === undefined ? {} : { reportBaseUrls: input.report_base_urls }),
    ...(input.media_plan === undefined ? {} : { mediaPlan: input.media_plan }),
    ...(input.labels === undefined ? {} : { labels: input.labels }),
    ...(input.protected === undefined ? {} : { protected: input.protected }),
  }
}

export function createMachines({ db, sealer, now }: MachinesParts): Machines {
  const refusePlaceholders = (names: readonly string[]) => {
    const bad = names.find(isPlaceholder)
    if (bad === undefined) return
    throw machineFaults.placeholder(
      `"${bad}" is what boards carry when nobody wrote a serial; give the machine a name of its own`,
    )
  }

  const named = async (name: string, reader: Db['read'] | Tx = db.read): Promise<Machine> => {
    const found = await machinesNamed(reader, spellings(name))
    const [machine, other] = found
    if (!machine) {
      throw machineFaults.notFound(
        `no machine has the serial or alias "${name.slice(0, 64)}"; add it with \`slipway machine add\``,
      )
    }
    if (other) {
      const all = found.map(
        (each) => `${each.serial} at ${each.bmc.url}${each.bmc.systemUri ?? ''}`,
      )
      throw machineFaults.ambiguous(
        `"${name.slice(0, 64)}" names ${found.length} machines: ${all.join(', ')}; give one of them an alias of its own`,
      )
    }
    return machine
  }

  const insert = async (tx: Tx, input: MachineInput): Promise<string> => {
    refusePlaceholders([input.serial, ...input.aliases])
    const id = crypto.randomUUID()
    const at = now()
    await insertMachine(tx, {
      bmcUrl: '',
      systemUri: '',
      username: '',
      tls: { mode: 'first-use' },
      labels: {},
      protected: false,
      ...columns(input),
      id,
      serial: stored(input.serial),
      sealedPassword: sealer.seal(input.password, passwordContext(id)),
      createdAt: at,
      updatedAt: at,
    })
    await replaceAliases(tx, id, input.aliases.map(stored), 'person')
    return id
  }

  const apply = async (tx: Tx, machine: Machine, patch: MachinePatch) => {
    refusePlaceholders(patch.aliases ?? [])
    await updateMachine(tx, machine.id, {
      ...columns(patch),
      ...(patch.password === undefined
        ? {}
        : { sealedPassword: sealer.seal(patch.password, passwordContext(machine.id)) }),
      updatedAt: now(),
    })
    if (patch.aliases) await replaceAliases(tx, machine.id, patch.aliases.map(stored), 'person')
  }

  const fresh = async (id: string): Promise<Machine> => {
    const machine = await findMachine(db.read, id)
    if (!machine) throw machineFaults.notFound('the machine was removed meanwhile')
    return machine
  }

  /** Two rows for one ComputerSystem would let two jobs fight over it. */
  const refuseTwin = (error: unknown, input: { bmc_url?: string | undefined }): never => {
    const text = error instanceof Error ? `${error.message} ${String(error.cause)}` : ''
    if (!/UNIQUE|unique/.test(text)) throw error
    throw machineFaults.exists(
      `another machine already stands for ${input.bmc_url} and that system; see \`slipway machine list\``,
      { cause: error },
    )
  }

  const isSame = async (row: MachineRow, input: MachineInput, machine: Machine) => {
    const wanted = columns(input)
    const same = Object.entries(wanted).every(([key, value]) =>
      key === 'tls'
        ? // What the first contact pinned is not a change that an import takes back.
          Bun.deepEquals(row.tls, value) ||
          (input.tls.mode === 'first-use' && row.tls.mode === 'pin')
        : Bun.deepEquals(row[key as keyof MachineRow], value),
    )
    const password = sealer.open(row.sealedPassword, passwordContext(row.id))
    return (
      same &&
      password === input.password &&
      input.aliases.every((alias) => machine.aliases.includes(stored(alias)))
    )
  }

  return {
    byId: (id) => findMachine(db.read, id),
    named: (name) => named(name),
    list: (filter) => listMachines(db.read, filter),
    username: async (id) => (await findMachineRow(db.read, id))?.username ?? '',
    async credentials(machine) {
      const row = await findMachineRow(db.read, machine.id)
      if (!row) throw machineFaults.notFound(`machine ${machine.serial} was removed meanwhile`)
      return {
        username: row.username,
        password: sealer.open(row.sealedPassword, passwordContext(row.id)),
      }
    },
    async pin(machine, fingerprint) {
      await db.write(async (tx) => {
        const row = await findMachineRow(tx, machine.id)
        if (row?.tls.mode !== 'first-use') return
        await updateMachine(tx, machine.id, { tls: { mode: 'pin', fingerprint } })
      })
    },
    async add(input) {
      const id = await db
        .write(async (tx) => {
          const twin = (await machinesNamed(tx, [stored(input.serial)])).find((each) =>
            sameName(each.serial, input.serial),
          )
          if (twin && !input.system_uri) {
            throw machineFaults.exists(
              `machine ${input.serial} exists already; change it with PATCH or remove it first`,
            )
          }
          return insert(tx, input)
        })
        .catch((error: unknown) => refuseTwin(error, input))
      return fresh(id)
    },
    async change(name, patch) {
      const machine = await named(name)
      await db
        .write((tx) => apply(tx, machine, patch))
        .catch((error: unknown) => refuseTwin(error, patch))
      return fresh(machine.id)
    },
    remove: (machine) => db.write((tx) => deleteMachine(tx, machine.id)),
    async import(inputs) {
      const tally = { added: [] as string[], updated: [] as string[], unchanged: [] as string[] }
      await db.write(async (tx) => {
        for (const input of inputs) {
          const found = (await machinesNamed(tx, [stored(input.serial)])).find(
            (each) =>
              each.serial === stored(input.serial) &&
              each.bmc.systemUri === (input.system_uri ?? each.bmc.systemUri),
          )
          const row = found && (await findMachineRow(tx, found.id))
          if (!found || !row) {
            await insert(tx, input).catch((error: unknown) => refuseTwin(error, input))
            tally.added.push(input.serial)
          } else if (await isSame(row, input, found)) {
            tally.unchanged.push(input.serial)
          } else {
            const { serial: _, ...patch } = input
            await apply(tx, found, patch).catch((error: unknown) => refuseTwin(error, input))
            tally.updated.push(input.serial)
          }
        }
      })
      return tally
    },
    async addAlias(name, alias) {
      refusePlaceholders([alias])
      const machine = await named(name)
      await db.write((tx) => addAlias(tx, machine.id, stored(alias)))
      return fresh(machine.id)
    },
    async removeAlias(name, alias) {
      const machine = await named(name)
      const gone = await db.write((tx) => removeAlias(tx, machine.id, stored(alias)))
      if (!gone) throw machineFaults.notFound(`machine ${machine.serial} has no alias "${alias}"`)
      return fresh(machine.id)
    },
    async surveyed(machine, survey) {
      const aliases = [...survey.aliases, survey.serial ?? '', survey.uuid ?? '']
        .filter((name) => !isPlaceholder(name) && !sameName(name, machine.serial))
        .map(stored)
      await db.write(async (tx) => {
        await updateMachine(tx, machine.id, { survey, updatedAt: now() })
        await replaceAliases(tx, machine.id, aliases, 'probe')
      })
    },
    async ownNames(machine) {
      const names = [machine.serial, ...machine.aliases]
      const shared = await Promise.all(
        names.map(async (name) => (await machinesNamed(db.read, spellings(name))).length > 1),
      )
      return names.filter((_, index) => !shared[index])
    },
  }
}
