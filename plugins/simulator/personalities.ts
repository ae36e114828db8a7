// SPDX-License-Identifier: AGPL-3.0-or-later
import { dell } from './dell.ts'
import { hpe } from './hpe.ts'
import { asrockAmi, gigabyteH262, lenovoSr655, nvidiaDgx } from './personalities/ami-megarac.ts'
import { ciscoC240, ciscoC845a, ciscoUcsx } from './personalities/cisco-ucs.ts'
import { dellIdrac8, dellIdrac9Old, dellIdrac10 } from './personalities/dell-idrac.ts'
import dellR750 from './personalities/dell-r750.json'
import { fujitsuIrmcS5 } from './personalities/fujitsu-irmc.ts'
import hpeCrayEx425 from './personalities/hpe-cray-ex425.json'
import hpeDl360 from './personalities/hpe-dl360.json'
import hpeDl360Gen12 from './personalities/hpe-dl360-gen12.json'
import { hpeIlo4, hpeIlo6 } from './personalities/hpe-ilo.ts'
import { huawei2288hV5, xfusion2288hV7 } from './personalities/huawei-ibmc.ts'
import {
  lenovoSr630v2,
  lenovoSr650,
  lenovoSr650Old,
  lenovoSr670v2,
} from './personalities/lenovo-xcc.ts'
import {
  intelBmc,
  nvidiaBluefield3,
  nvidiaGb200,
  openbmcUpstream,
} from './personalities/openbmc.ts'
import {
  supermicroOpenBmc,
  supermicroX11,
  supermicroX12,
} from './personalities/supermicro-boards.ts'
import supermicroX13 from './personalities/supermicro-x13.json'
import { sushyTwoCdDevices } from './personalities/sushy.ts'
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
  'lenovo-sr670v2': lenovoSr670v2,
  'gigabyte-h262': gigabyteH262,
  'nvidia-gb200': nvidiaGb200,
  'nvidia-bluefield3': nvidiaBluefield3,
  'sushy-two-cd': sushyTwoCdDevices,
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
  'lenovo-sr630v2': lenovoSr630v2,
  'lenovo-sr650': lenovoSr650,
  'lenovo-sr650-old': lenovoSr650Old,
  'lenovo-sr655': lenovoSr655,
  'asrock-ami': asrockAmi,
  'nvidia-dgx': nvidiaDgx,
  'openbmc-upstream': openbmcUpstream,
  'intel-bmc': intelBmc,
  'cisco-ucsx': ciscoUcsx,
  'cisco-c845a': ciscoC845a,
  'cisco-c240': ciscoC240,
}

/** All of them, by the name that `--machine` takes. */
export const personalities: Readonly<Record<string, Personality>> = { ...captured, ...written }
