// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { insertDoesNothing, overrideIgnored, refusesInsertOn, unreachable } from './faults.ts'
import { insert, launchPlanOf, overrideOnce } from './launch.ts'
import { rawClient } from './raw-client.ts'
import { setStage } from './stage.ts'

test('an insert that does nothing is answered 204 and leaves the drive empty', async () => {
  await using stage = await setStage()
  const { machine, images } = stage
  machine.faults.add(insertDoesNothing)
  const { boot } = launchPlanOf(machine)
  const reply = await rawClient(machine)('POST', `${boot}/Actions/VirtualMedia.InsertMedia`, {
    body: { Image: images.url('boot.iso') },
  })
  expect(reply.status).toBe(204)
  expect(machine.state().drives.every(({ occupied }) => !occupied)).toBe(true)
  expect(images.requests).toEqual([])
})

test('an insert is refused on the drive that is named and taken on the other', async () => {
  await using stage = await setStage()
  const { machine, images } = stage
  machine.faults.add(refusesInsertOn(/VirtualMedia\/1\//))
  const { boot, task } = launchPlanOf(machine)
  await expect(insert(machine, boot, images.url('boot.iso'))).rejects.toThrow('400')
  await insert(machine, task, images.url('boot.iso'))
})

test('an unreachable controller breaks every connection until it is there again', async () => {
  await using stage = await setStage()
  const { machine } = stage
  const get = () => rawClient(machine)('GET', '/redfish/v1')
  machine.faults.add(unreachable)
  await expect(get()).rejects.toThrow()
  expect(machine.requests.at(-1)?.status).toBeUndefined()
  machine.faults.delete(unreachable)
  expect((await get()).status).toBe(200)
})

test('an ignored override is answered 200 and not kept', async () => {
  await using stage = await setStage()
  const { machine } = stage
  machine.faults.add(overrideIgnored)
  await overrideOnce(machine, 'Cd')
  expect(machine.state().override.enabled).toBe('Disabled')
})
