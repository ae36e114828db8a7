// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import type { Drive } from '../../core/jobs/bmc.ts'
import { dig } from '../../core/jobs/dig.ts'
import type { ControllerActions } from '../../core/jobs/oem.ts'
import { definePlugin } from '../../core/plugin.ts'
import { DRIVE, startDriveBmc } from '../../test/fake-bmc/drive-bmc.ts'
import { refusalBody } from '../../test/fake-bmc/scripted.ts'

const IMAGE = 'http://10.0.0.1:8080/media/t/x/boot.iso'
const OEM = '/redfish/v1/Managers/M/VirtualMedia/A/Oem/Mount'
const SYSTEM = '/redfish/v1/Systems/S'
const signal = AbortSignal.timeout(10_000)

/** A profile of the test's own with these actions. */
const withActions = (actions: ControllerActions) => ({
  profiles: [
    definePlugin({
      name: 'redfish-test',
      config: v.strictObject({}),
      setup({ hooks }) {
        hooks.profile.tap('redfish-test', () => ({
          ...{ name: 'test', because: 'a test', rules: {}, actions },
        }))
      },
    }),
  ],
})

test('a family’s own insert may go before, after or around the standard’s', async () => {
  const order: string[] = []
  const actions: ControllerActions = {
    async insert({ drive, imageUrl, standard }) {
      order.push(`before ${drive.id} ${imageUrl === IMAGE}`)
      await standard()
      order.push('after')
    },
  }
  await using met = await startDriveBmc({}, withActions(actions))
  await met.session.insertMedia(DRIVE, IMAGE, signal)
  expect(order).toEqual(['before A true', 'after'])
  expect(met.drive).toMatchObject({ Image: IMAGE, Inserted: true })
})

test('what an own insert did is read, as after any other', async () => {
  const actions: ControllerActions = { insert: async () => undefined }
  await using met = await startDriveBmc({}, withActions(actions))
  await met.session.insertMedia(DRIVE, IMAGE, signal)
  expect(met.contact.notes.join()).toContain('still reads empty')
})

test('an own order waits for its task and fails as its deed', async () => {
  const answers = [
    { status: 400, body: refusalBody('Example.1.0.NoSuchShare', 'No such share.') },
    { status: 202, headers: { Location: '/task/1' } },
  ]
  const actions: ControllerActions = {
    async insert({ oem }) {
      await oem.finish(await oem.post(OEM, { Image: IMAGE }), 'insert', 'The mount')
    },
  }
  const more = {
    [`POST ${OEM}`]: () => answers.shift() ?? { status: 500 },
    'GET /task/1': () => ({ body: { TaskState: 'Exception', Messages: { Message: 'Too slow.' } } }),
  }
  await using met = await startDriveBmc({ more }, withActions(actions))
  await expect(met.session.insertMedia(DRIVE, IMAGE, signal)).rejects.toMatchObject({
    code: 'redfish.insert',
    message: expect.stringMatching(/^The mount failed\. The BMC .*No such share\./),
  })
  await expect(met.session.insertMedia(DRIVE, IMAGE, signal)).rejects.toMatchObject({
    code: 'redfish.task',
    message: expect.stringContaining('Too slow.'),
  })
})

test('an own PATCH carries the ETag in the form that is taken', async () => {
  const actions: ControllerActions = {
    async bootOnce({ oem, target }) {
      const answer = await oem.patch(`${SYSTEM}/Oem`, { Next: target })
      await oem.finish(answer, 'boot', 'Setting the boot device')
    },
  }
  const seen: unknown[] = []
  const more = {
    [`GET ${SYSTEM}/Oem`]: () => ({ headers: { ETag: 'W/"7"' }, body: {} }),
    [`PATCH ${SYSTEM}/Oem`]: (heard: { headers: Readonly<Record<string, unknown>> }) => {
      seen.push(heard.headers['if-match'])
      return { status: heard.headers['if-match'] === '"7"' ? 204 : 412 }
    },
  }
  await using met = await startDriveBmc({ more }, withActions(actions))
  await met.session.overrideBootOnce('Cd', signal)
  expect(seen).toEqual(['W/"7"', '"7"'])
})

test('drives of a family’s own stand beside the listed ones, or in their place', async () => {
  const own: Drive = {
    ...{ uri: '/redfish/v1/Oem/Media', id: 'Own', owner: 'system', mediaTypes: ['CD'] },
    ...{ schemes: ['https'], inserted: false, image: undefined, connectedVia: undefined },
  }
  const actions: ControllerActions = {
    async drives(oem, listed) {
      const changed = listed.filter(({ id }) => id === 'A')
      const media = await oem.look(own.uri)
      const image = dig(media.body, 'Image')
      const filled = typeof image === 'string' ? { inserted: true, image } : {}
      return [
        ...changed.map((drive) => ({ ...drive, schemes: ['http'] as const })),
        { ...own, ...filled },
      ]
    },
    async insert({ oem, drive, imageUrl }) {
      await oem.finish(await oem.post(drive.uri, { Image: imageUrl }), 'insert', 'The mount')
    },
  }
  const content: { Image?: unknown } = {}
  const more = {
    [`GET ${own.uri}`]: () => ({ body: content }),
    [`POST ${own.uri}`]: (heard: { body: unknown }) => {
      content.Image = (heard.body as { Image: string }).Image
      return { status: 204 }
    },
  }
  await using met = await startDriveBmc({ more }, withActions(actions))
  const { drives } = await met.session.read(signal)
  expect(drives.map(({ id, schemes }) => [id, schemes])).toEqual([
    ['A', ['http']],
    ['Own', ['https']],
    ['B', ['http', 'https']],
  ])
  await met.session.insertMedia(own.uri, IMAGE, signal)
  expect(content.Image).toBe(IMAGE)
  const after = (await met.session.read(signal)).drives.find(({ id }) => id === 'Own')
  expect(after).toMatchObject({ inserted: true, image: IMAGE })
})

test('an own eject that fails is no failure when the drive is empty afterwards', async () => {
  const empties: (() => void)[] = []
  const actions: ControllerActions = {
    async eject({ oem }) {
      empties.shift()?.()
      await oem.finish(await oem.post(`${OEM}/Out`, {}), 'eject', 'The eject')
    },
  }
  await using met = await startDriveBmc({}, withActions(actions))
  met.fill(IMAGE)
  await expect(met.session.ejectMedia(DRIVE, () => true, signal)).rejects.toMatchObject({
    code: 'redfish.eject',
  })
  empties.push(met.empty)
  expect(await met.session.ejectMedia(DRIVE, () => true, signal)).toBe('confirmed')
})

test('a survey keeps the names of the actions, and stays plain JSON', async () => {
  const actions: ControllerActions = { clearBoot: ({ standard }) => standard() }
  await using met = await startDriveBmc({}, withActions(actions))
  const survey = await met.session.survey(signal)
  expect(survey.profile).toEqual({ name: 'test', because: 'a test', rules: {}, oem: ['clearBoot'] })
  expect(JSON.parse(JSON.stringify(survey.profile))).toEqual(survey.profile)
  await met.session.clearBootOverride(signal)
})

test('a profile that is known by the service root may add to the login', async () => {
  const plugin = definePlugin({
    name: 'redfish-test',
    config: v.strictObject({}),
    setup({ hooks }) {
      hooks.profile.tap('redfish-test', ({ vendor }) =>
        vendor === 'Example'
          ? { name: 'test', because: 'its vendor', rules: { loginWith: { Oem: { Domain: 'x' } } } }
          : undefined,
      )
    },
  })
  const bodies: unknown[] = []
  const more = {
    'POST /redfish/v1/SessionService/Sessions': (heard: { body: unknown }) => {
      bodies.push(heard.body)
      return undefined
    },
  }
  await using met = await startDriveBmc({ more }, { profiles: [plugin] })
  await met.session.read(signal)
  expect(bodies).toEqual([expect.objectContaining({ UserName: 'admin', Oem: { Domain: 'x' } })])
})
