// SPDX-License-Identifier: AGPL-3.0-or-later
/** The units of the maintenance image, as the contract of machine and appliance names them. */
import { expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'

const ROOTFS = resolve(import.meta.dir, '../appliance/maintenance/rootfs')
const SYSTEMD = join(ROOTFS, 'usr/lib/systemd/system')
const QUADLETS = join(ROOTFS, 'usr/share/containers/systemd')

type Unit = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>

/** Sections, and in each the values of a key in their order. */
async function unit(path: string): Promise<Unit> {
  const sections = new Map<string, Map<string, string[]>>()
  let section = new Map<string, string[]>()
  for (const line of (await Bun.file(path).text()).split('\n')) {
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? []
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (name !== undefined) {
      section = new Map()
      sections.set(name, section)
    } else if (key !== '') section.set(key, [...(section.get(key) ?? []), value])
  }
  return sections
}

const words = (unit: Unit, section: string, key: string) =>
  (unit.get(section)?.get(key) ?? []).flatMap((value) => value.split(' '))

/** Service, its tool, how long it may take: in the order in which they run. */
const STEPS = [
  ['partition', '45min'],
  ['image-linux', '90min'],
  ['bootloader-linux', '20min'],
  ['config-drive', '10min'],
] as const

test.each(STEPS.map(([name, limit], at) => ({ name, limit, before: STEPS[at - 1]?.[0] })))(
  'the step $name runs after the one before it, for no longer than it may',
  async ({ name, limit, before = 'prepare-provision-mounts' }) => {
    const quadlet = await unit(join(QUADLETS, `${name}-tool.container`))
    expect(words(quadlet, 'Container', 'ServiceName')).toEqual([name])
    expect(words(quadlet, 'Container', 'Exec')).toEqual(['slipway', 'step', name])
    // Both: `After=` alone would run it after a step that failed.
    expect(words(quadlet, 'Unit', 'Requires')).toEqual([`${before}.service`])
    expect(words(quadlet, 'Unit', 'After')).toEqual([`${before}.service`])
    expect(words(quadlet, 'Service', 'TimeoutStartSec')).toEqual([limit])
    expect(words(quadlet, 'Service', 'Type')).toEqual(['oneshot'])
    expect(words(quadlet, 'Service', 'RemainAfterExit')).toEqual(['yes'])
    // Podman makes no unit at all from a key that it does not know.
    const known = ['ServiceName', 'ContainerName', 'Image', 'Pull', 'Exec', 'Network']
    known.push('EnvironmentFile', 'PodmanArgs', 'Volume')
    expect(
      [...(quadlet.get('Container')?.keys() ?? [])].filter((key) => !known.includes(key)),
    ).toEqual([])
  },
)

test('the target waits for every step, and no file of an image is a step of none', async () => {
  const target = await unit(join(SYSTEMD, 'install-linux.target'))
  const steps = STEPS.map(([name]) => `${name}.service`)
  expect(words(target, 'Unit', 'Requires')).toEqual(['prepare-provision-mounts.service', ...steps])
  expect(words(target, 'Unit', 'After')).toEqual(['config-drive.service'])
  expect((await readdir(QUADLETS)).toSorted()).toEqual(
    STEPS.map(([name]) => `${name}-tool.container`).toSorted(),
  )
})

test('only the dispatcher’s own unit says what happens at a failure', async () => {
  for (const folder of [SYSTEMD, QUADLETS]) {
    for (const name of await readdir(folder)) {
      const fails = words(await unit(join(folder, name)), 'Unit', 'OnFailure')
      expect([name, fails]).toEqual([
        name,
        name === 'provision-dispatcher.service' ? ['provision-failed@%n.service'] : [],
      ])
    }
  }
})

test('a dispatcher that is started again finds what it started, unless its end was a verdict', async () => {
  const dispatcher = await unit(join(SYSTEMD, 'provision-dispatcher.service'))
  expect(words(dispatcher, 'Service', 'Restart')).toEqual(['on-failure'])
  expect(words(dispatcher, 'Service', 'KillMode')).toEqual(['process'])
  expect(words(dispatcher, 'Service', 'TimeoutStartSec')).toEqual(['infinity'])
  // The codes of the contract; 20 is a bug of ours, which another try may not meet.
  expect(words(dispatcher, 'Service', 'RestartPreventExitStatus').map(Number)).toEqual([
    10, 11, 12, 13, 14, 15, 16, 17, 18,
  ])
})

test('nothing that mends, trims or assembles disks by itself starts before the claim', async () => {
  const file = await Bun.file(resolve(ROOTFS, '../Containerfile')).text()
  const [, masked = ''] = /for unit in ([\s\S]*?); do/.exec(file) ?? []
  const units = masked.replaceAll('\\\n', ' ').split(/\s+/)
  // e2scrub_reap removes LVM snapshots that it takes for its own, at every boot.
  const touching = ['lvm2-monitor.service', 'blk-availability.service', 'e2scrub_reap.service']
  touching.push('e2scrub_all.timer', 'fstrim.timer', 'swap.target')
  expect(touching.filter((unit) => !units.includes(unit))).toEqual([])
})
