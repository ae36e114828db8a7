// SPDX-License-Identifier: AGPL-3.0-or-later
import type {
  ImportTally,
  MachineImportRow,
  MachineInput,
  MachinePatch,
} from '../../schemas/machine.ts'
import type { ControllerSurvey } from '../jobs/bmc.ts'
import type { Sealer } from '../seal.ts'
import type { Db } from '../store/client.ts'
import { activeJobs, supersedeCleanups } from '../store/jobs.ts'
import {
  addAlias,
  deleteMachine,
  findMachine,
  findMachineRow,
  listMachines,
  type MachineFilter,
  machineBaseUrls,
  machinesNamed,
  removeAlias,
  replaceAliases,
  updateMachine,
} from '../store/machines.ts'
import { machineFaults } from './faults.ts'
import { importMachines } from './import.ts'
import type { Credentials, Machine } from './machine.ts'
import { isPlaceholder, sameName, spellings, stored } from './names.ts'
import { createRows, refusePlaceholders } from './rows.ts'

export interface MachinesParts {
  readonly db: Db
  readonly sealer: Sealer
  readonly now: () => number
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
  /** Its unfinished cleanups end as superseded. Throws `machine.busy` while a job is active. */
  remove(machine: Machine): Promise<void>
  /** All or nothing. */
  import(lines: readonly MachineImportRow[]): Promise<ImportTally>
  addAlias(name: string, alias: string): Promise<Machine>
  removeAlias(name: string, alias: string): Promise<Machine>
  /** Keeps a survey and the aliases that it found. */
  surveyed(machine: Machine, survey: ControllerSurvey): Promise<void>
  /** Base URLs that machines have of their own: the certificate names their hosts. */
  baseUrls(): Promise<readonly string[]>
  /** Its names that no other machine shares. */
  ownNames(machine: Machine): Promise<readonly string[]>
}

export function createMachines({ db, sealer, now }: MachinesParts): Machines {
  const rows = createRows({ sealer, now })

  const named = async (name: string): Promise<Machine> => {
    const found = await machinesNamed(db.read, spellings(name))
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

  const fresh = async (id: string): Promise<Machine> => {
    const machine = await findMachine(db.read, id)
    if (!machine) throw machineFaults.notFound('the machine was removed meanwhile')
    return machine
  }

  return {
    byId: (id) => findMachine(db.read, id),
    named,
    list: (filter) => listMachines(db.read, filter),
    username: async (id) => (await findMachineRow(db.read, id))?.username ?? '',
    async credentials(machine) {
      const row = await findMachineRow(db.read, machine.id)
      if (!row) throw machineFaults.notFound(`machine ${machine.serial} was removed meanwhile`)
      return { username: row.username, password: rows.password(row) }
    },
    async pin(machine, fingerprint) {
      await db.write(async (tx) => {
        const row = await findMachineRow(tx, machine.id)
        if (row?.tls.mode !== 'first-use') return
        await updateMachine(tx, machine.id, { tls: { mode: 'pin', fingerprint } })
      })
    },
    async add(input) {
      const id = await db.write(async (tx) => {
        const twin = (await machinesNamed(tx, spellings(input.serial))).find((each) =>
          sameName(each.serial, input.serial),
        )
        if (twin && !input.system_uri) {
          throw machineFaults.exists(
            `machine ${input.serial} exists already; change it with \`slipway machine set\` or remove it first`,
          )
        }
        return rows.insert(tx, input)
      })
      return fresh(id)
    },
    async change(name, patch) {
      const machine = await named(name)
      await db.write((tx) => rows.apply(tx, machine, patch))
      return fresh(machine.id)
    },
    remove: (machine) =>
      db.write(async (tx) => {
        const active = await activeJobs(tx, [machine.id])
        const busy = active.find((job) => job.status !== 'complete')
        if (busy) {
          throw machineFaults.busy(
            `machine ${machine.serial} has job ${busy.id} (${busy.status}); cancel it first`,
          )
        }
        await supersedeCleanups(tx, machine.id, '', now())
        await deleteMachine(tx, machine.id)
      }),
    import: (lines) => importMachines(db, rows, lines),
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
        .filter((name) => !isPlaceholder(name))
        .map(stored)
        .filter((name) => !spellings(machine.serial).includes(name))
      await db.write(async (tx) => {
        await updateMachine(tx, machine.id, { survey, updatedAt: now() })
        await replaceAliases(tx, machine.id, aliases, 'probe')
      })
    },
    baseUrls: () => machineBaseUrls(db.read),
    async ownNames(machine) {
      const names = [machine.serial, ...machine.aliases]
      const shared = await Promise.all(
        names.map(async (name) => (await machinesNamed(db.read, spellings(name))).length > 1),
      )
      return names.filter((_, index) => !shared[index])
    },
  }
}
