// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from './manners.ts'

/** PowerEdge R750, iDRAC9 6.00.30.00. Sources: rows of the Redfish fact catalogue, captured files. */
export const dell: Manners = {
  ...standard,
  title: 'Dell iDRAC9',
  // Captured Registries/BaseMessages/BaseRegistry.json: Base.1.12.0.
  registry: 'Base.1.12',
  messageIds: {
    // "RAC0218 max sessions (about 8) → 503 for everyone": badfish #447, check_redfish #198, gofish #75.
    sessions: { id: 'IDRAC.2.8.RAC0218', status: 503 },
    // "an iDRAC refuses a second device at the Managers view": iDRAC-Redfish-Scripting #290.
    oneImage: { status: 400 },
    // "Unable to locate the ISO or IMG image file" 400: jetlag #641, #286.
    image: { status: 400 },
  },
  // "SerialNumber = board serial, SKU = service tag": Launchpad ironic 2146585.
  serialAt: 'SKU',
  sessionCap: 8,
  // Captured SessionService: SessionTimeout 1800.
  sessionTimeoutMs: 1_800_000,
  // InsertMedia 204: iDRAC-Redfish-Scripting v7 notes; terraform-provider-redfish #331.
  insertAnswer: 204,
  // "File must end in .iso (CD) or .img (removable)": terraform-provider-redfish #84.
  imageUrl: /^https?:\/\/.*\.(iso|img)$/i,
  // "After eject Inserted stays true for a while": ironic note fix-redfish-vmedia-stale-insert-skip.
  staleReadsAfterEject: 1,
  oneImageAmong: /^\/redfish\/v1\/Managers\//,
  // "Only slot 1 boots": ironic drac/boot.py, Launchpad 2125571; terraform-provider-redfish #324.
  boots: {
    Cd: [/\/Systems\/[^/]+\/VirtualMedia\/1$/, /\/Managers\/[^/]+\/VirtualMedia\/CD$/],
  },
}
