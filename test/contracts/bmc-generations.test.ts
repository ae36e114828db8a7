// SPDX-License-Identifier: AGPL-3.0-or-later
import { bmcContract } from './bmc.ts'
import { simulated } from './simulated.ts'

bmcContract('iLO 4', () => simulated('hpe-ilo4'))
bmcContract('iLO 6', () => simulated('hpe-ilo6'))
bmcContract('iLO 7', () => simulated('hpe-dl360-gen12'))
bmcContract('iDRAC 8', () => simulated('dell-idrac8'))
bmcContract('iDRAC 9 before 4.40.10', () => simulated('dell-idrac9-4.10'))
bmcContract('iDRAC 10', () => simulated('dell-idrac10'))
bmcContract('Supermicro X11', () => simulated('supermicro-x11'))
bmcContract('Supermicro X12', () => simulated('supermicro-x12'))
bmcContract('Supermicro OpenBMC', () => simulated('supermicro-openbmc'))
bmcContract('iRMC S5', () => simulated('fujitsu-irmc-s5'))
bmcContract('iBMC', () => simulated('huawei-2288h-v5', { https: true }))
bmcContract('xFusion', () => simulated('xfusion-2288h-v7', { https: true }))
