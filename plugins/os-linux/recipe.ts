// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { sharedFields } from '../../schemas/recipe.ts'
import { Overwrite, TargetDisk } from '../../schemas/recipe-disk.ts'
import { Network } from '../../schemas/recipe-network.ts'
import { OciUrl } from '../../schemas/recipe-oci.ts'
import { PartitionLayout } from '../../schemas/recipe-partition.ts'
import { Payload } from '../../schemas/recipe-payload.ts'

export const LINUX_TARGET = 'install-linux.target'

/** A disk that a site lets be erased when the recipe says nothing. */
export type SiteOverwrite = 'empty' | 'any'

/** The recipe of a Linux installation, strict. */
export const linuxRecipe = (overwrite: SiteOverwrite) =>
  v.strictObject({
    ...sharedFields(LINUX_TARGET),
    target_disk: TargetDisk,
    overwrite: v.optional(Overwrite, overwrite),
    oci_url: OciUrl,
    partition_layout: PartitionLayout,
    network: v.optional(Network),
    user_data: v.optional(
      v.pipe(Payload, v.description('For cloud-init, handed to the installed system as it is')),
    ),
  })
export type LinuxRecipe = v.InferOutput<ReturnType<typeof linuxRecipe>>
