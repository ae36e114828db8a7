// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import {
  insert,
  launch,
  launchPlanOf,
  overrideOnce,
  powerOff,
  powerOn,
} from '../../test/fake-bmc/launch.ts'
import { type Stage, setStage } from '../../test/fake-bmc/stage.ts'
import { isoRegions, openFileSource } from '../iso/index.ts'
import type { MachineState } from './index.ts'

const booted = ({ boots }: MachineState) => boots.length > 0

/** Bytes of an image that were asked for after power on, as [start, end] in order of asking. */
function rangesOf({ images }: Stage, name: string, from = 0): [number, number][] {
  return images.requests
    .slice(from)
    .filter((request) => request.name === name && request.range !== null)
    .map(({ range }) => (range ?? '').match(/\d+/g)?.map(Number) ?? [])
    .map(([start = -1, end = -1]) => [start, end])
}

const covers = (ranges: [number, number][], byte: number) =>
  ranges.some(([start, end]) => start <= byte && byte <= end)

describe('a machine that boots a medium', () => {
  test('reads its structures in the order of a boot, by ranges', async () => {
    await using stage = await setStage({ spec: { script: 'never-claim' } })
    await stage.launch()
    await stage.machine.waitFor((state) => state.stage === 'silent')
    await using source = await openFileSource(join(stage.folder, 'boot.iso'))
    const regions = new Map((await isoRegions(source)).map((each) => [each.name, each]))
    const ranges = rangesOf(stage, 'boot.iso')
    const firstReads = ['volume descriptor', 'boot catalog', 'EFI image', 'kernel', 'initrd'].map(
      (name) => {
        const region = regions.get(name)
        if (!region) throw new Error(`the boot image has no ${name}`)
        expect([name, covers(ranges, region.start + region.length - 1)]).toEqual([name, true])
        return ranges.findIndex(
          ([start]) => start >= region.start && start < region.start + region.length,
        )
      },
    )
    expect(firstReads).toEqual(firstReads.toSorted((a, b) => a - b))
    const rootFileSystem = regions.get('root file system')
    expect(covers(ranges, (rootFileSystem?.start ?? 0) + 1_000_000)).toBe(false)
  })

  test('reads it to its end when that is its manner', async () => {
    const manners = { readsWhole: true, pieceBytes: 262_144 }
    await using stage = await setStage({ spec: { script: 'never-claim', manners } })
    await stage.launch()
    await stage.machine.waitFor((state) => state.stage === 'silent')
    const size = Bun.file(join(stage.folder, 'boot.iso')).size
    const ranges = rangesOf(stage, 'boot.iso')
    for (let at = 0; at < size; at += 65_536) expect(covers(ranges, at)).toBe(true)
    expect(Math.max(...ranges.map(([start, end]) => end - start + 1))).toBe(262_144)
  })

  test.each([
    [true, 'close'],
    [false, 'keep-alive'],
  ])('with manyConnections %p asks for Connection: %s', async (manyConnections, connection) => {
    await using stage = await setStage({ spec: { manners: { manyConnections } } })
    const { machine, images } = stage
    await launch(machine, { boot: images.url('boot.iso') })
    await machine.waitFor(booted)
    // undici never keeps a connection after a HEAD.
    const gets = images.requests.filter(({ method }) => method === 'GET')
    expect(new Set(gets.map((request) => request.connection))).toEqual(new Set([connection]))
    expect(machine.imageReads.length).toBe(images.requests.length)
  })
})

describe('a machine boots its disk', () => {
  test('without an override, whatever is in the drives', async () => {
    await using stage = await setStage()
    const { machine, images } = stage
    await powerOff(machine)
    await insert(machine, launchPlanOf(machine).boot, images.url('boot.iso'))
    await powerOn(machine)
    const { boots } = await machine.waitFor(booted)
    expect(boots.map(({ from }) => from)).toEqual(['disk'])
  })

  test('with an override to a drive that is empty', async () => {
    await using stage = await setStage()
    await launch(stage.machine, {})
    const { boots, override } = await stage.machine.waitFor(booted)
    expect([boots[0]?.from, override.enabled]).toEqual(['disk', 'Disabled'])
  })

  test('when the image in the drive does not boot', async () => {
    await using stage = await setStage()
    const { machine, images } = stage
    await launch(machine, { boot: images.url('task.iso') })
    const { boots } = await machine.waitFor(booted)
    expect(boots[0]?.from).toBe('disk')
  })

  test('when the image can not be read any more', async () => {
    await using stage = await setStage()
    const { machine, images, folder, events } = stage
    await powerOff(machine)
    await insert(machine, launchPlanOf(machine).boot, images.url('boot.iso'))
    await overrideOnce(machine, 'Cd')
    await Bun.file(join(folder, 'boot.iso')).delete()
    await powerOn(machine)
    const { boots } = await machine.waitFor(booted)
    expect(boots[0]?.from).toBe('disk')
    expect(events.find(({ what }) => what === 'unreadable')?.detail).toContain('404')
  })

  test('when the override names another kind of drive than the image is in', async () => {
    await using stage = await setStage({ spec: { personality: 'supermicro-x13' } })
    const { machine, images } = stage
    await powerOff(machine)
    await insert(machine, launchPlanOf(machine).boot, images.url('boot.iso'))
    // Its Cd is the drive in the chassis: sushy system.py:255,376-400.
    await overrideOnce(machine, 'Cd')
    await powerOn(machine)
    const { boots } = await machine.waitFor(booted)
    expect(boots[0]?.from).toBe('disk')
  })

  test('when a Dell has the boot image in its second drive', async () => {
    await using stage = await setStage()
    const { machine, images } = stage
    await powerOff(machine)
    await insert(machine, launchPlanOf(machine).task, images.url('boot.iso'))
    await overrideOnce(machine, 'Cd')
    await powerOn(machine)
    const { boots } = await machine.waitFor(booted)
    expect(boots[0]?.from).toBe('disk')
  })
})

test('a Legacy machine starts the BIOS image', async () => {
  await using stage = await setStage({ spec: { script: 'never-claim' } })
  const { machine, images } = stage
  const { system } = launchPlanOf(machine)
  await fetch(`${machine.bmcUrl}${system}`, {
    method: 'PATCH',
    headers: { authorization: `Basic ${btoa(`${machine.username}:${machine.password}`)}` },
    body: JSON.stringify({ Boot: { BootSourceOverrideMode: 'Legacy' } }),
  })
  await launch(machine, { boot: images.url('boot.iso') })
  await machine.waitFor(booted)
  await using source = await openFileSource(join(stage.folder, 'boot.iso'))
  const regions = await isoRegions(source)
  const startOf = (name: string) => regions.find((each) => each.name === name)?.start ?? -1
  const starts = rangesOf(stage, 'boot.iso').map(([start]) => start)
  expect(starts).toContain(startOf('BIOS boot image'))
  expect(starts).not.toContain(startOf('EFI image'))
})
