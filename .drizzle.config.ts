// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineConfig } from 'drizzle-kit'

/** `TABLES=plugins/oci npm run migrations`: a plugin's own; core's without it. */
const folder = process.env['TABLES'] ?? 'core/store'

export default defineConfig({
  dialect: 'sqlite',
  schema: `./${folder}/{,*-}tables.ts`,
  out: `./${folder}/migrations`,
})
