// SPDX-License-Identifier: AGPL-3.0-or-later
import { bmcContract } from './bmc.ts'
import { simulated } from './simulated.ts'

bmcContract('Lenovo SR670 V2', () => simulated('lenovo-sr670v2'))
bmcContract('Lenovo SR630 V2', () => simulated('lenovo-sr630v2'))
bmcContract('Lenovo SR650', () => simulated('lenovo-sr650'))
bmcContract('Lenovo SR655', () => simulated('lenovo-sr655'))
bmcContract('Gigabyte H262', () => simulated('gigabyte-h262'))
bmcContract('ASRock Rack', () => simulated('asrock-ami'))
bmcContract('NVIDIA DGX', () => simulated('nvidia-dgx'))
bmcContract('NVIDIA GB200', () =>
  simulated('nvidia-gb200', { systemUri: '/redfish/v1/Systems/System_0' }),
)
bmcContract('bmcweb upstream', () => simulated('openbmc-upstream', { https: true }))
bmcContract('Cisco C240', () => simulated('cisco-c240'))
bmcContract(
  'sushy-tools',
  () => simulated('sushy-two-cd'),
  'its override is Continuous, whatever was asked',
)
