// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MachineImportRow, MachinePatch } from '../../schemas/machine.ts'
import { requestFaults } from '../faults.ts'
import type { Sealer } from '../seal.ts'
import type { Tx } from '../store/client.ts'
import {
  insertMachine,
  type MachineRow,
  machinesOfBmc,
  replaceAliases,
  updateMachine,
} from '../store/machines.ts'
import { machineFaults } from './faults.ts'
import type { Machine } from './machine.ts'
import { isPlaceholder, stored } from './names.ts'

export interface RowParts {
  readonly sealer: Sealer
  readonly now: () => number
}

/** How machines get into their rows; every caller brings its transaction. */
export interface Rows {
  /** Returns the new machine's id. Throws `machine.placeholder`, `machine.exists`. */
  insert(tx: Tx, input: MachineImportRow): Promise<string>
  /** Throws as `insert` does. */
  apply(tx: Tx, machine: Machine, patch: MachinePatch): Promise<void>
  password(row: Pick<MachineRow, 'id' | 'sealedPassword'>): string
}

const passwordContext = (id: string) => `machine/${id}/password`

/** The place of a controller. A login in it would be dropped in silence, so it is refused. */
function originOf(bmcUrl: string): string {
  const url = new URL(bmcUrl)
  if (url.username === '' && url.password === '') return url.origin
  throw requestFaults.invalid('bmc_url must hold no login: give it as username and password')
}

/** The columns that an input sets. */
export function columns(input: Partial<MachineImportRow> | MachinePatch): Partial<MachineRow> {
  const tls = input.tls
  return {
    ...(input.bmc_url === undefined ? {} : { bmcUrl: originOf(input.bmc_url) }),
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

export function refusePlaceholders(names: readonly string[]): void {
  const bad = names.find(isPlaceholder)
  if (bad === undefined) return
  throw machineFaults.placeholder(
    `"${bad}" is what boards carry when nobody wrote a serial; give the machine a name of its own`,
  )
}

/**
 * Two rows for one ComputerSystem would let two jobs fight over it. A row that names no system
 * stands for the only one, so it shares its BMC with no other row.
 */
async function refuseTwin(tx: Tx, id: string, bmcUrl: string, systemUri: string): Promise<void> {
  const twin = (await machinesOfBmc(tx, bmcUrl)).find(
    ({ bmc, ...each }) =>
      each.id !== id && (!systemUri || !bmc.systemUri || bmc.systemUri === systemUri),
  )
  if (!twin) return
  throw machineFaults.exists(
    `machine ${twin.serial} already stands for ${bmcUrl}${twin.bmc.systemUri ?? ''}; where a BMC carries several systems, each machine needs its system_uri`,
  )
}

export function createRows({ sealer, now }: RowParts): Rows {
  const sealed = (id: string, password: string) => sealer.seal(password, passwordContext(id))
  return {
    async insert(tx, input) {
      const { aliases = [] } = input
      refusePlaceholders([input.serial, ...aliases])
      const id = crypto.randomUUID()
      const at = now()
      const row = {
        bmcUrl: '',
        systemUri: '',
        username: '',
        tls: { mode: 'first-use' } as const,
        labels: {},
        protected: false,
        ...columns(input),
      }
      await refuseTwin(tx, id, row.bmcUrl, row.systemUri)
      await insertMachine(tx, {
        ...row,
        id,
        serial: stored(input.serial),
        sealedPassword: sealed(id, input.password),
        createdAt: at,
        updatedAt: at,
      })
      await replaceAliases(tx, id, aliases.map(stored), 'person')
      return id
    },
    async apply(tx, machine, patch) {
      refusePlaceholders(patch.aliases ?? [])
      const { id, bmc } = machine
      const change = columns(patch)
      await refuseTwin(tx, id, change.bmcUrl ?? bmc.url, change.systemUri ?? bmc.systemUri ?? '')
      await updateMachine(tx, id, {
        ...change,
        ...(patch.password === undefined ? {} : { sealedPassword: sealed(id, patch.password) }),
        updatedAt: now(),
      })
      if (patch.aliases) await replaceAliases(tx, id, patch.aliases.map(stored), 'person')
    },
    password: (row) => sealer.open(row.sealedPassword, passwordContext(row.id)),
  }
}
