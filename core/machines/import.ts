// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ImportTally, MachineImportRow, MachinePatch } from '../../schemas/machine.ts'
import type { Db, Tx } from '../store/client.ts'
import { addAlias, findMachineRow, type MachineRow, machinesNamed } from '../store/machines.ts'
import { machineFaults } from './faults.ts'
import type { Machine } from './machine.ts'
import { sameName, spellings, stored } from './names.ts'
import { columns, type Rows, refusePlaceholders } from './rows.ts'

/** The machine that a line of the import speaks of. Throws `machine.ambiguous`. */
async function known(tx: Tx, line: MachineImportRow): Promise<Machine | undefined> {
  const { origin } = new URL(line.bmc_url)
  const [machine, other] = (await machinesNamed(tx, spellings(line.serial)))
    .filter((each) => sameName(each.serial, line.serial))
    .filter(
      ({ bmc }) =>
        line.system_uri === undefined ||
        line.system_uri === bmc.systemUri ||
        (bmc.systemUri === undefined && bmc.url === origin),
    )
  if (!other) return machine
  throw machineFaults.ambiguous(
    `several machines have the serial ${line.serial}: the import must say which by its system_uri`,
  )
}

/** What the line changes. A fingerprint that the first contact pinned is not taken back. */
function patchOf(line: MachineImportRow, row: MachineRow): MachinePatch {
  const { serial: _, aliases: __, tls, ...patch } = line
  const kept = tls?.mode === 'first-use' && row.tls.mode === 'pin'
  return { ...patch, ...(tls && !kept ? { tls } : {}) }
}

async function update(tx: Tx, rows: Rows, machine: Machine, line: MachineImportRow) {
  const row = await findMachineRow(tx, machine.id)
  if (!row) throw machineFaults.notFound(`machine ${line.serial} was removed meanwhile`)
  const patch = patchOf(line, row)
  const differs = Object.entries(columns(patch)).some(
    ([key, value]) => !Bun.deepEquals(row[key as keyof MachineRow], value),
  )
  const changed = differs || rows.password(row) !== line.password
  if (changed) await rows.apply(tx, machine, patch)
  const fresh = (line.aliases ?? []).map(stored).filter((each) => !machine.aliases.includes(each))
  refusePlaceholders(fresh)
  for (const alias of fresh) await addAlias(tx, machine.id, alias)
  return changed || fresh.length > 0
}

/** Refuses a list that speaks of a machine twice: which of the two lines was meant? */
function refuseRepeats(lines: readonly MachineImportRow[]): void {
  const at = new Map<string, number>()
  for (const [index, { serial, system_uri = '' }] of lines.entries()) {
    const key = JSON.stringify([stored(serial).toLowerCase(), system_uri])
    const first = at.get(key)
    if (first !== undefined) {
      throw machineFaults.import(
        `machines[${first}] and machines[${index}] both are ${serial}: take one of them out`,
      )
    }
    at.set(key, index)
  }
}

/** All lines or none. Throws `machine.import` when a machine stands in it twice. */
export async function importMachines(
  db: Db,
  rows: Rows,
  lines: readonly MachineImportRow[],
): Promise<ImportTally> {
  refuseRepeats(lines)
  return db.write(async (tx) => {
    const tally = { added: [] as string[], updated: [] as string[], unchanged: [] as string[] }
    for (const line of lines) {
      const machine = await known(tx, line)
      if (!machine) {
        await rows.insert(tx, line)
        tally.added.push(line.serial)
      } else {
        const changed = await update(tx, rows, machine, line)
        tally[changed ? 'updated' : 'unchanged'].push(line.serial)
      }
    }
    return tally
  })
}
