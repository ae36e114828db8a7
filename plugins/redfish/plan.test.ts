// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { Drive, MediaPlan } from '../../core/jobs/bmc.ts'
import type { ControllerRules } from '../../core/jobs/controller.ts'
import type { VirtualDrive } from './drives.ts'
import { planMedia } from './plan.ts'

const VIEW = '/redfish/v1/Managers/1/VirtualMedia'

function drive(id: string, mediaTypes: string[], schemes: Drive['schemes']): VirtualDrive {
  const uri = `${VIEW}/${id}`
  return {
    drive: {
      ...{ uri, id, mediaTypes, schemes, owner: 'manager' },
      ...{ inserted: false, image: undefined, connectedVia: undefined },
    },
    insertTarget: `${uri}/Actions/VirtualMedia.InsertMedia`,
    ejectTarget: undefined,
    byOem: false,
    patchable: false,
    required: [],
    etag: undefined,
  }
}

const cd = (id: string, schemes: Drive['schemes'] = ['http', 'https']) =>
  drive(id, ['CD', 'DVD'], schemes)
const usb = (id: string, schemes: Drive['schemes'] = ['http', 'https']) =>
  drive(id, ['USBStick'], schemes)

interface Case {
  readonly drives: readonly VirtualDrive[]
  readonly wanted?: MediaPlan['name']
  readonly rules?: ControllerRules
  readonly bootTargets?: readonly string[]
}

const plan = ({ drives, wanted, rules = {}, bootTargets }: Case) =>
  planMedia({
    host: 'bmc',
    profile: { name: 'any', because: 'a test', rules },
    drives,
    bootTargets,
    wanted,
  })

describe('one image for both', () => {
  test.each<{ name: string; given: Case; gives: Partial<MediaPlan>; why: string }>([
    {
      name: 'a single CD',
      given: { drives: [cd('1')] },
      gives: { drives: { boot: `${VIEW}/1` }, scheme: 'http', bootTarget: 'Cd' },
      why: 'only one drive takes images',
    },
    {
      name: 'a single CD that fetches https only',
      given: { drives: [cd('1', ['https'])] },
      gives: { scheme: 'https' },
      why: 'over https',
    },
    {
      name: 'a single CD that fetches http only',
      given: { drives: [cd('1', ['http'])] },
      gives: { scheme: 'http' },
      why: 'over http',
    },
    {
      name: 'two CDs of which one fetches nothing that we serve',
      given: { drives: [cd('1', []), cd('2')] },
      gives: { drives: { boot: `${VIEW}/2` } },
      why: 'only one drive takes images',
    },
    {
      name: 'two drives that share no scheme',
      given: { drives: [cd('1', ['https']), usb('2', ['http'])] },
      gives: { drives: { boot: `${VIEW}/1` }, scheme: 'https' },
      why: 'by the same scheme',
    },
    {
      name: 'a profile that knows of one image at a time',
      given: { drives: [cd('1'), cd('2')], rules: { twoImages: false, bootDrives: ['^2$'] } },
      gives: { drives: { boot: `${VIEW}/2` } },
      why: 'only one image can be in at a time',
    },
    {
      name: 'a machine that asks for it',
      given: { drives: [cd('2'), cd('1')], wanted: 'one', bootTargets: ['UsbCd'] },
      gives: { drives: { boot: `${VIEW}/1` }, bootTarget: 'UsbCd' },
      why: 'the machine asks for one image',
    },
  ])('$name', ({ given, gives, why }) => {
    const found = plan(given)
    expect(found).toMatchObject({ name: 'one', ...gives })
    expect(Object.keys(found.drives)).toEqual(['boot'])
    expect(found.why).toContain(why)
  })

  test('two drives that go together keep two images', () => {
    expect(plan({ drives: [cd('1'), usb('2')] }).name).toBe('cd-usb')
  })
})

describe('no plan', () => {
  test.each<{ name: string; given: Case; says: string[] }>([
    {
      name: 'a controller that fetches neither scheme',
      given: { drives: [cd('1', [])] },
      says: [
        `${VIEW}/1 [CD, DVD], which fetches neither http nor https`,
        'can not take our images',
      ],
    },
    {
      name: 'a stick alone, which does not boot',
      given: { drives: [usb('1')] },
      says: ['none of its drives is a CD or DVD that boots', 'USBStick'],
    },
    {
      name: 'one drive, and a machine that asks for two',
      given: { drives: [cd('1')], wanted: 'two-cd' },
      says: ['the machine asks for plan two-cd'],
    },
    {
      name: 'one image at a time, and a machine that asks for two',
      given: { drives: [cd('1'), cd('2')], wanted: 'two-cd', rules: { twoImages: false } },
      says: ['only one image can be in at a time'],
    },
    { name: 'no drives', given: { drives: [] }, says: ['Virtual drives found: none'] },
    {
      name: 'a boot target that is not allowed',
      given: { drives: [cd('1')], bootTargets: ['Pxe', 'Hdd'] },
      says: ['it allows only Pxe, Hdd'],
    },
  ])('$name', ({ given, says }) => {
    const thrown = (() => {
      try {
        return plan(given)
      } catch (error) {
        return error
      }
    })()
    expect(thrown).toMatchObject({ code: 'redfish.no-media' })
    for (const words of says) expect((thrown as Error).message).toContain(words)
  })
})
