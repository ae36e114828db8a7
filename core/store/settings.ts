// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq } from 'drizzle-orm'
import type { Reader, Tx } from './client.ts'
import { settings } from './tables.ts'

/** A small fact of the appliance; undefined when it was never set. */
export async function readSetting(db: Reader | Tx, name: string): Promise<unknown> {
  return (await db.select().from(settings).where(eq(settings.name, name)))[0]?.value
}

export async function writeSetting(tx: Tx, name: string, value: unknown): Promise<void> {
  await tx
    .insert(settings)
    .values({ name, value })
    .onConflictDoUpdate({ target: settings.name, set: { value } })
}

export async function removeSetting(tx: Tx, name: string): Promise<void> {
  await tx.delete(settings).where(eq(settings.name, name))
}
