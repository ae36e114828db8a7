// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { factoryVars, type MachineSpec, machineCommand } from './qemu.ts'

const spec: MachineSpec = {
  ...{ qemu: '/q', folder: '/m', serial: 'S1', uuid: 'U1', memoryMiB: 1_024, diskBytes: 1 },
  ...{ firmware: 'ovmf', bus: 'sata', nics: ['user,id=nic'] },
}
const none = { credentials: {} }
/** Values of a flag, in their order. */
const values = (command: readonly string[], flag: string) =>
  command.filter((_, at) => command[at - 1] === flag)

test('a machine stands still until it is told to go, and never asks for KVM', () => {
  const command = machineCommand(spec, none)
  expect(command).toContain('-S')
  expect(values(command, '-accel')).toEqual(['tcg,thread=multi'])
  expect(values(command, '-m')).toEqual(['1024'])
  expect(values(command, '-nic')).toEqual(['user,id=nic'])
  expect(values(command, '-smbios')).toEqual([
    'type=1,manufacturer=Slipway,product=e2e,serial=S1,uuid=U1',
  ])
})

test.each([
  ['sata', ['ide-cd,bus=ide.0,id=drive-0', 'ide-cd,bus=ide.1,id=drive-1']],
  ['usb', ['scsi-cd,bus=bridge-0.0,id=drive-0', 'scsi-cd,bus=bridge-1.0,id=drive-1']],
] as const)(
  'its two drives for discs are %s, empty, and not in the order of boot',
  (bus, drives) => {
    const devices = values(machineCommand({ ...spec, bus }, none), '-device')
    expect(devices.filter((each) => each.includes('-cd,'))).toEqual([...drives])
  },
)

test('only Secure Boot takes the code that enforces it, with system management mode and keys', () => {
  const secure = machineCommand({ ...spec, firmware: 'ovmf-secure' }, none)
  expect(values(secure, '-machine')).toEqual(['q35,smm=on'])
  expect(values(secure, '-drive')[0]).toContain('OVMF_CODE_4M.secboot.fd')
  expect(factoryVars({ ...spec, firmware: 'ovmf-secure' })).toContain('OVMF_VARS_4M.ms.fd')
  expect(values(machineCommand(spec, none), '-machine')).toEqual(['q35'])
})

test('a BIOS has no variables', () => {
  const bios: MachineSpec = { ...spec, firmware: 'seabios' }
  expect(values(machineCommand(bios, none), '-drive')).toEqual([])
  expect(factoryVars(bios)).toBeUndefined()
})

test('what stands before QEMU comes before it, and a credential goes through the firmware’s tables', () => {
  const before = ['ip', 'netns', 'exec', 'island']
  const credentials = { 'systemd.unit-dropin.x.service': '[Service]\n' }
  const command = machineCommand({ ...spec, before }, { credentials })
  expect(command.slice(0, 8)).toEqual([
    ...['setpriv', '--pdeathsig', 'KILL'],
    ...[...before, '/q/usr/lib64/ld-linux-x86-64.so.2'],
  ])
  expect(values(command, '-smbios').at(-1)).toBe(
    'type=11,value=io.systemd.credential.binary:systemd.unit-dropin.x.service=W1NlcnZpY2VdCg==',
  )
})
