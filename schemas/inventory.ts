// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Count, type View } from './view.ts'

const Text = v.optional(v.string(), '')

/** What a machine finds in itself; sent with its claim. Whoever shows it takes what is there. */
export const Inventory = v.object({
  system: v.exactOptional(v.object({ vendor: Text, product: Text })),
  firmware: v.exactOptional(v.object({ mode: v.picklist(['uefi', 'bios']), version: Text })),
  cpu: v.object({
    model: Text,
    sockets: Count,
    cores: v.exactOptional(Count),
    threads: v.exactOptional(Count),
  }),
  memory_bytes: Count,
  disks: v.array(
    v.object({
      path: v.string(),
      model: v.exactOptional(v.string()),
      serial: Text,
      wwn: Text,
      size_bytes: Count,
      rotational: v.boolean(),
      transport: v.exactOptional(v.string()),
    }),
  ),
  nics: v.array(
    v.object({
      name: v.string(),
      mac: v.string(),
      link: v.boolean(),
      speed_mbps: v.exactOptional(Count),
      driver: v.exactOptional(v.string()),
    }),
  ),
})
export type Inventory = View<typeof Inventory>
