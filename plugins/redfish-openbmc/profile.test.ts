// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import { openbmcProfile } from './profile.ts'

/** As captured from a GB200 NVL, 24.12-8. */
const gb200: ControllerIdentity = {
  vendor: 'NVIDIA',
  product: 'GB200 NVL',
  redfishVersion: '1.17.0',
  systemManufacturer: '',
  systemModel: '',
  managerModel: 'OpenBmc',
  managerFirmware: 'GB200Nvl-24.12-8',
  oem: ['Nvidia', 'OpenBmc'],
}
const upstream = { vendor: '', product: '', systemManufacturer: 'OpenBMC', oem: ['OpenBmc'] }
const intel = {
  vendor: '',
  systemManufacturer: 'Intel Corporation',
  managerModel: 'Intel BMC',
  oem: [],
}

test.each([
  { name: 'GB200 as captured', is: {}, profile: 'openbmc-nvidia', schemes: undefined },
  { name: 'upstream', is: upstream, profile: 'openbmc', schemes: ['https'] },
  { name: 'Intel', is: intel, profile: 'openbmc-intel', schemes: ['https'] },
])('$name: $profile', ({ is, profile, schemes }) => {
  const found = openbmcProfile({ ...gb200, ...is })
  expect(found?.name).toBe(profile)
  expect(found?.rules.schemes).toEqual(schemes as ('http' | 'https')[] | undefined)
  expect(found?.rules.insertWith).toEqual({ TransferMethod: 'Stream', Inserted: true })
  expect(found?.rules.mediaRemedy).toBeTruthy()
})

test.each([
  ['a DGX with AMI’s controller', { oem: ['Ami'], managerModel: 'AST2600' }],
  ['another vendor', { vendor: 'HPE', oem: ['Hpe'], managerModel: 'iLO 6' }],
])('%s is not its', (_, is) => {
  expect(openbmcProfile({ ...gb200, ...is })).toBeUndefined()
})
