// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { selfSigned } from '../../core/certificates/self-signed.ts'
import { powerOff } from '../../test/fake-bmc/launch.ts'
import type { ListenerRule } from '../../test/fake-bmc/machine-listener.ts'
import { setStage } from '../../test/fake-bmc/stage.ts'
import type { MachineState } from './index.ts'

const reported = ({ power, stage }: MachineState) => power === 'Off' && stage === 'reported'
const refused = ({ power, stage }: MachineState) => power === 'Off' && stage === 'refused'
const status = (code: number, headers = {}) => new Response('', { status: code, headers })
const onClaim =
  (answer: (count: number) => Response | undefined): ListenerRule =>
  ({ path }, count) =>
    path.includes('/claim/') ? answer(count) : undefined

/** Controller and firmware take no time, whatever the pace. */
const quick = { powerOnMs: 0, powerOffMs: 0, postMs: 0, insertMs: 0 }

test('a claim that is answered 503 is sent again as the same claim', async () => {
  const rule = onClaim((count) => (count < 2 ? status(503, { 'retry-after': '5' }) : undefined))
  await using stage = await setStage({ rule })
  const { machine, appliance } = stage
  await stage.launch()
  await machine.waitFor(reported)
  const [first, ...again] = appliance.claims()
  expect(again).toEqual([first, first].flatMap((claim) => claim ?? []))
})

test.each([409, 410])('a claim that is answered %d writes nothing and powers off', async (code) => {
  await using stage = await setStage({ rule: onClaim(() => status(code)) })
  const { machine, appliance } = stage
  await stage.launch()
  const { disk } = await machine.waitFor(refused)
  expect(disk).toEqual({ writtenBy: undefined, units: [], bootable: true })
  expect(appliance.claims()).toHaveLength(1)
  expect(appliance.reports()).toEqual([])
})

test('base URLs are tried in turn, and the one that answered is kept', async () => {
  await using stage = await setStage({
    job: ({ url }) => ({ base_urls: ['http://127.0.0.1:1', `${url}/`] }),
  })
  await stage.launch()
  await stage.machine.waitFor(reported)
  expect(stage.appliance.reports()).toHaveLength(1)
  expect(stage.events.filter(({ what }) => what === 'no answer')).toEqual([])
})

test('the CA of the job is pinned: an appliance under it is spoken to', async () => {
  const tls = selfSigned({ names: ['127.0.0.1'], days: 1 })
  await using stage = await setStage({ tls, job: () => ({ ca_pem: tls.cert }) })
  await stage.launch()
  await stage.machine.waitFor(reported)
  expect(stage.appliance.reports()[0]?.body.status).toBe('success')
})

test('an appliance that is not under the pinned CA gets no token', async () => {
  const tls = selfSigned({ names: ['127.0.0.1'], days: 1 })
  const other = selfSigned({ names: ['127.0.0.1'], days: 1 })
  await using stage = await setStage({ tls, job: () => ({ ca_pem: other.cert }) })
  await stage.launch()
  await stage.told('no answer')
  expect(stage.appliance.messages).toEqual([])
})

test('a report is sent until it is answered, with one delivery id', async () => {
  const rule: ListenerRule = ({ body }) => (body.status === 'success' ? answers.shift() : undefined)
  const answers = [status(500), status(503), status(429)]
  await using stage = await setStage({ rule })
  await stage.launch()
  await stage.machine.waitFor(reported)
  const ids = stage.appliance.reports().map(({ body }) => body.delivery_id)
  expect(ids).toHaveLength(4)
  expect(new Set(ids).size).toBe(1)
})

test('a machine whose report is refused for good stays on', async () => {
  const rule: ListenerRule = ({ body }) => (body.status === 'success' ? status(401) : undefined)
  await using stage = await setStage({ rule })
  await stage.launch()
  const { power } = await stage.machine.waitFor((state) => state.stage === 'reported')
  expect(power).toBe('On')
})

test('when the appliance says that the job is over, the machine stops and powers off', async () => {
  const rule: ListenerRule = ({ body }) =>
    body.step === 'image-linux.service' ? Response.json({ ok: true, over: true }) : undefined
  await using stage = await setStage({ rule })
  const { machine, appliance } = stage
  await stage.launch()
  const { disk } = await machine.waitFor((state) => state.power === 'Off' && state.boots.length > 0)
  expect(disk.units).toEqual(['partition.service'])
  expect(appliance.reports()).toEqual([])
})

test('a medium for another machine is reported as a mismatch and not claimed', async () => {
  await using stage = await setStage({ job: () => ({ serials: ['S2'] }) })
  const { machine, appliance } = stage
  await stage.launch()
  await machine.waitFor(reported)
  expect(appliance.claims()).toEqual([])
  expect(appliance.reports()[0]?.body).toMatchObject({
    status: 'failed',
    failed_step: 'machine.mismatch',
    message: expect.stringContaining('S1'),
  })
})

test('a medium for the UUID of the machine is its own, in any letter case', async () => {
  await using probe = await setStage()
  await probe.launch()
  await probe.machine.waitFor(reported)
  const uuid = String(probe.appliance.claims()[0]?.body.uuid).toUpperCase()
  await using stage = await setStage({ job: () => ({ serials: [], uuid }) })
  await stage.launch()
  await stage.machine.waitFor(reported)
  expect(stage.appliance.claims()).toHaveLength(1)
})

test('a task target that the maintenance OS lacks fails before anything is written', async () => {
  await using stage = await setStage({ recipe: { task_target: 'fly.target' } })
  await stage.launch()
  const { disk } = await stage.machine.waitFor(reported)
  expect(stage.appliance.reports()[0]?.body).toMatchObject({
    status: 'failed',
    failed_step: 'provision-dispatcher.service',
    message: expect.stringContaining('fly.target'),
  })
  expect(disk.writtenBy).toBeUndefined()
})

test('power off in the middle ends everything that runs', async () => {
  const writing = Promise.withResolvers<void>()
  const rule: ListenerRule = ({ body }) => {
    if (body.phase === 'writing') writing.resolve()
    return undefined
  }
  // At this pace the first unit takes 40 s.
  await using stage = await setStage({ rule, spec: { manners: quick }, simulator: { pace: 10 } })
  await stage.launch()
  await writing.promise
  await powerOff(stage.machine)
  expect(stage.machine.state()).toMatchObject({ power: 'Off', bootedFrom: undefined })
  expect(stage.appliance.reports()).toEqual([])
})
