// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, asc, eq, gt, inArray, isNotNull, isNull, lt, or, type SQL, sql } from 'drizzle-orm'
import type { Machine } from '../machines/machine.ts'
import type { Reader, Tx } from './client.ts'
import { placeholders, prepared } from './prepared.ts'
import { machineAliases, machines } from './tables.ts'

export type MachineRow = typeof machines.$inferSelect

const toMachine = (row: MachineRow, aliases: readonly string[]): Machine => ({
  id: row.id,
  serial: row.serial,
  aliases,
  bmc: { url: row.bmcUrl, systemUri: row.systemUri || undefined, tls: row.tls },
  mediaBaseUrl: row.mediaBaseUrl ?? undefined,
  reportBaseUrls: row.reportBaseUrls ?? undefined,
  mediaPlan: row.mediaPlan ?? undefined,
  labels: row.labels,
  protected: row.protected,
  inventory: row.inventory,
  survey: (row.survey ?? undefined) as Machine['survey'],
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
})

async function withAliases(db: Reader | Tx, rows: readonly MachineRow[]): Promise<Machine[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.id)
  const found = await db
    .select()
    .from(machineAliases)
    .where(inArray(machineAliases.machineId, ids))
    .orderBy(asc(machineAliases.alias))
  const byMachine = Map.groupBy(found, (alias) => alias.machineId)
  return rows.map((row) =>
    toMachine(
      row,
      (byMachine.get(row.id) ?? []).map((alias) => alias.alias),
    ),
  )
}

export async function findMachine(db: Reader | Tx, id: string): Promise<Machine | undefined> {
  const row = await findMachineRow(db, id)
  if (!row) return undefined
  const query = prepared(db, 'aliasesOf', () =>
    db
      .select({ alias: machineAliases.alias })
      .from(machineAliases)
      .where(eq(machineAliases.machineId, sql.placeholder('id')))
      .orderBy(asc(machineAliases.alias))
      .prepare(),
  )
  const aliases = await query.all({ id })
  return toMachine(
    row,
    aliases.map(({ alias }) => alias),
  )
}

export async function findMachineRow(db: Reader | Tx, id: string): Promise<MachineRow | undefined> {
  const query = prepared(db, 'findMachineRow', () =>
    db
      .select()
      .from(machines)
      .where(eq(machines.id, sql.placeholder('id')))
      .prepare(),
  )
  return query.get({ id })
}

/** Machines whose serial or alias is one of `names`; more than one answers an ambiguous name. */
export async function machinesNamed(
  db: Reader | Tx,
  names: readonly string[],
): Promise<readonly Machine[]> {
  const aliased = db
    .select({ id: machineAliases.machineId })
    .from(machineAliases)
    .where(inArray(machineAliases.alias, [...names]))
  const rows = await db
    .select()
    .from(machines)
    .where(or(inArray(machines.serial, [...names]), inArray(machines.id, aliased)))
    .orderBy(asc(machines.id))
  return withAliases(db, rows)
}

/** By the origin of their BMC. */
export async function machinesOfBmc(db: Reader | Tx, bmcUrl: string): Promise<readonly Machine[]> {
  return withAliases(db, await db.select().from(machines).where(eq(machines.bmcUrl, bmcUrl)))
}

export interface MachineFilter {
  /** `key=value` pairs that must all hold. */
  readonly labels: readonly (readonly [string, string])[]
  readonly limit: number
  readonly afterSerial: string
}

/** The condition that a machine carries a label, over the JSON column. */
export const hasLabel = (key: string, value: string): SQL =>
  sql`exists (select 1 from json_each(${machines.labels}) where key = ${key} and value = ${value})`

export async function listMachines(db: Reader, filter: MachineFilter): Promise<readonly Machine[]> {
  const rows = await db
    .select()
    .from(machines)
    .where(
      and(
        gt(sql`${machines.serial} || char(0) || ${machines.id}`, filter.afterSerial),
        ...filter.labels.map(([key, value]) => hasLabel(key, value)),
      ),
    )
    .orderBy(asc(sql`${machines.serial} || char(0) || ${machines.id}`))
    .limit(filter.limit)
  return withAliases(db, rows)
}

/** The media and report base URLs of all machines that have their own. */
export async function machineBaseUrls(db: Reader): Promise<readonly string[]> {
  const { mediaBaseUrl, reportBaseUrls } = machines
  const rows = await db
    .select({ mediaBaseUrl, reportBaseUrls })
    .from(machines)
    .where(or(isNotNull(mediaBaseUrl), isNotNull(reportBaseUrls)))
  return rows.flatMap((row) => [
    ...(row.mediaBaseUrl ? [row.mediaBaseUrl] : []),
    ...(row.reportBaseUrls ?? []),
  ])
}

export async function insertMachine(tx: Tx, row: typeof machines.$inferInsert): Promise<void> {
  await tx.insert(machines).values(row)
}

export async function updateMachine(
  tx: Tx,
  id: string,
  change: Partial<typeof machines.$inferInsert>,
): Promise<boolean> {
  return (
    (
      await tx
        .update(machines)
        .set(change)
        .where(eq(machines.id, id))
        .returning({ id: machines.id })
    ).length > 0
  )
}

export async function deleteMachine(tx: Tx, id: string): Promise<void> {
  await tx.delete(machineAliases).where(eq(machineAliases.machineId, id))
  await tx.delete(machines).where(eq(machines.id, id))
}

/** Replaces the aliases of one source by these; what a person gives is no longer the probe's to take. */
export async function replaceAliases(
  tx: Tx,
  machineId: string,
  aliases: readonly string[],
  source: 'person' | 'probe',
): Promise<void> {
  await tx
    .delete(machineAliases)
    .where(and(eq(machineAliases.machineId, machineId), eq(machineAliases.source, source)))
  for (const alias of new Set(aliases)) {
    if (source === 'person') await addAlias(tx, machineId, alias)
    else await tx.insert(machineAliases).values({ machineId, alias, source }).onConflictDoNothing()
  }
}

export async function addAlias(tx: Tx, machineId: string, alias: string): Promise<void> {
  await tx
    .insert(machineAliases)
    .values({ machineId, alias, source: 'person' })
    .onConflictDoUpdate({
      target: [machineAliases.machineId, machineAliases.alias],
      set: { source: 'person' },
    })
}

export async function removeAlias(tx: Tx, machineId: string, alias: string): Promise<boolean> {
  const gone = await tx
    .delete(machineAliases)
    .where(and(eq(machineAliases.machineId, machineId), eq(machineAliases.alias, alias)))
    .returning()
  return gone.length > 0
}

/** Takes or renews the machine's lease; false while someone else holds it. */
export async function leaseMachine(
  tx: Tx,
  id: string,
  owner: string,
  now: number,
  until: number,
): Promise<boolean> {
  const change = { leaseOwner: owner, leaseUntil: until }
  const query = prepared(tx, 'leaseMachine', () =>
    tx
      .update(machines)
      .set(placeholders(change))
      .where(
        and(
          eq(machines.id, sql.placeholder('of')),
          or(
            isNull(machines.leaseUntil),
            lt(machines.leaseUntil, sql.placeholder('now')),
            eq(machines.leaseOwner, sql.placeholder('leaseOwner')),
          ),
        ),
      )
      .returning({ id: machines.id })
      .prepare(),
  )
  return (await query.get({ ...change, of: id, now })) !== undefined
}

export async function releaseMachine(tx: Tx, id: string, owner: string): Promise<void> {
  const query = prepared(tx, 'releaseMachine', () =>
    tx
      .update(machines)
      .set({ leaseOwner: null, leaseUntil: null })
      .where(
        and(
          eq(machines.id, sql.placeholder('of')),
          eq(machines.leaseOwner, sql.placeholder('owner')),
        ),
      )
      .prepare(),
  )
  await query.run({ of: id, owner })
}
