// SPDX-License-Identifier: AGPL-3.0-or-later
import type { LibSQLDatabase } from 'drizzle-orm/libsql'

/** What queries read from. */
export type Reader = LibSQLDatabase
/** What they write to: one transaction, or its part of one. */
export type Tx = Parameters<Parameters<LibSQLDatabase['transaction']>[0]>[0]
