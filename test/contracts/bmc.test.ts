// SPDX-License-Identifier: AGPL-3.0-or-later
import { bmcContract } from './bmc.ts'
import { simulated } from './simulated.ts'

bmcContract('iDRAC 9', () => simulated('dell-r750'))
bmcContract('Supermicro X13', () => simulated('supermicro-x13'))
bmcContract('iLO 5', () => simulated('hpe-dl360'))
