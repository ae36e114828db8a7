// SPDX-License-Identifier: AGPL-3.0-or-later
import { dell } from './dell.ts'
import { hpe } from './hpe.ts'
import { dellIdrac8, dellIdrac9Old, dellIdrac10 } from './personalities/dell-idrac.ts'
import dellR750 from './personalities/dell-r750.json'
import { fujitsuIrmcS5 } from './personalities/fujitsu-irmc.ts'
import hpeCrayEx425 from './personalities/hpe-cray-ex425.json'
import hpeDl360 from './personalities/hpe-dl360.json'
import hpeDl360Gen12 from './personalities/hpe-dl360-gen12.json'
import { hpeIlo4, hpeIlo6 } from './personalities/hpe-ilo.ts'
import { huawei2288hV5, xfusion2288hV7 } from './personalities/huawei-ibmc.ts'
import {
  supermicroOpenBmc,
  supermicroX11,
  supermicroX12,
} from './personalities/supermicro-boards.ts'
import supermicroX13 from './personalities/supermicro-x13.json'
import type { Personality } from './personality.ts'
import { supermicro } from './supermicro.ts'

/** Trees that were captured, with what behaves behind them: `personalities/PROVENANCE.md`. */
export const captured: Readonly<Record<string, Personality>> = {
  'dell-r750': { manners: dell, resources: dellR750 },
  'supermicro-x13': { manners: supermicro, resources: supermicroX13 },
  'hpe-dl360': { manners: hpe, resources: hpeDl360 },
  'hpe-dl360-gen12': { manners: { ...hpe, title: 'HPE iLO 7' }, resources: hpeDl360Gen12 },
  // Two systems behind one controller, and no virtual media: the first one is simulated.
  'hpe-cray-ex425': {
    manners: { ...hpe, title: 'HPE Cray nodeBMC', slash: 'either' },
    resources: hpeCrayEx425,
    systemUri: '/redfish/v1/Systems/Node0',
  },
}

/** Trees written from named sources, where nobody has published a capture. */
export const written: Readonly<Record<string, Personality>> = {
  'hpe-ilo4': hpeIlo4,
  'hpe-ilo6': hpeIlo6,
  'dell-idrac8': dellIdrac8,
  'dell-idrac9-4.10': dellIdrac9Old,
  'dell-idrac10': dellIdrac10,
  'supermicro-x11': supermicroX11,
  'supermicro-x12': supermicroX12,
  'supermicro-openbmc': supermicroOpenBmc,
  'fujitsu-irmc-s5': fujitsuIrmcS5,
  'huawei-2288h-v5': huawei2288hV5,
  'xfusion-2288h-v7': xfusion2288hV7,
}

/** All of them, by the name that `--machine` takes. */
export const personalities: Readonly<Record<string, Personality>> = { ...captured, ...written }
