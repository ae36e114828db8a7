// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { type ContactOptions, createContact } from '../../test/fake-bmc/contact.ts'
import { scriptBmc } from '../../test/fake-bmc/scripted.ts'
import {
  at,
  capturedTree,
  type ResourceTree,
  smallTree,
  treeBehaviour,
} from '../../test/fake-bmc/tree.ts'
import { redfishDell } from '../redfish-dell/index.ts'
import { redfishSupermicro } from '../redfish-supermicro/index.ts'

const DELL = 'dell-r750-idrac9-6.00.30.00'
const SUPERMICRO = 'supermicro-821ge-tnhr-x13-11.01.01'
const SYSTEM = '/redfish/v1/Systems/S'
const signal = AbortSignal.timeout(30_000)

async function survey(tree: ResourceTree, options: Partial<ContactOptions> = {}) {
  await using bmc = await scriptBmc(treeBehaviour(tree))
  const profiles = [redfishDell, redfishSupermicro]
  await using contact = await createContact({ url: bmc.url, profiles, ...options })
  await using session = await contact.open()
  const found = await session.survey(signal)
  return { ...found, lines: bmc.lines(), text: found.warnings.join('\n') }
}

describe('a survey', () => {
  test('asks, and changes nothing', async () => {
    const { lines } = await survey(capturedTree(DELL))
    const orders = lines.filter((line) => !line.startsWith('GET '))
    expect(orders).toEqual(['POST /redfish/v1/SessionService/Sessions'])
  })

  test('names the unit: the tag where the profile says so, never a model number', async () => {
    const dell = await survey(capturedTree(DELL))
    expect(dell.serial).toBe('CNIVC0014M0388')
    expect(dell.aliases).toContain('F54P1G3')
    const supermicro = await survey(capturedTree(SUPERMICRO))
    expect(supermicro.serial).toBe('S889914X3710910')
    expect(supermicro.aliases).not.toContain('0x1D1415D9')
    expect(supermicro.aliases).toContain('00000000-0000-0000-0000-7CC25550A8FF')
  })

  test('does not name a unit by a chassis that holds others', async () => {
    const tree = capturedTree(SUPERMICRO)
    const own = at(tree, '/redfish/v1/Chassis/1')['SerialNumber'] as string
    expect((await survey(tree)).aliases).toContain(own)
    const links = at(tree, '/redfish/v1/Chassis/1')['Links'] as { ComputerSystems: unknown[] }
    links.ComputerSystems.push({ '@odata.id': '/redfish/v1/Systems/2' })
    expect((await survey(tree)).aliases).not.toContain(own)
  })

  test('does not take what a factory left for a name', async () => {
    const tree = smallTree()
    Object.assign(at(tree, SYSTEM), { SerialNumber: 'To be filled by O.E.M.', UUID: '' })
    const found = await survey(tree)
    expect(found).toMatchObject({ serial: undefined, aliases: [] })
    expect(found.text).toContain('shows no serial number')
  })

  test('says why no plan is possible, instead of failing', async () => {
    const found = await survey(capturedTree('dmtf-public-rackmount1-1.15'))
    expect(found.plan).toBeUndefined()
    expect(found.text).toContain('has no InsertMedia and takes no PATCH')
  })

  test.each([
    {
      name: 'an old firmware',
      tree: () => capturedTree(DELL),
      says: 'older than 6.10.30.00',
    },
    {
      name: 'a Dell in lockdown',
      tree: () => {
        const tree = capturedTree(DELL)
        const uri = '/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/DellAttributes/iDRAC.Embedded.1'
        at(tree, uri)['Attributes'] = { 'Lockdown.1.SystemLockdown': 'Enabled' }
        return tree
      },
      says: 'lockdown is on',
    },
    {
      name: 'a Supermicro in lockdown',
      tree: () => {
        const tree = capturedTree(SUPERMICRO)
        at(tree, '/redfish/v1/Managers/1/Oem/Supermicro/SysLockdown')['SysLockdownEnabled'] = true
        return tree
      },
      says: 'lockdown is on',
    },
    {
      name: 'a Supermicro without its licence',
      tree: () => {
        const tree = capturedTree(SUPERMICRO)
        at(tree, '/redfish/v1/Managers/1/LicenseManager/QueryLicense')['Licenses'] = []
        return tree
      },
      says: 'SFT-DCMS-SINGLE',
    },
    {
      name: 'an empty licence service',
      tree: () => {
        const tree = smallTree()
        at(tree, '/redfish/v1')['LicenseService'] = { '@odata.id': '/redfish/v1/LicenseService' }
        tree.set('/redfish/v1/LicenseService', {
          Licenses: { '@odata.id': '/redfish/v1/licenses' },
        })
        tree.set('/redfish/v1/licenses', { Members: [] })
        return tree
      },
      says: 'lists no licence',
    },
    {
      name: 'a controller without media',
      tree: () => {
        const tree = smallTree()
        at(tree, '/redfish/v1/Managers/M/VirtualMedia')['Members'] = []
        return tree
      },
      says: 'No virtual media',
    },
    {
      name: 'a system without override',
      tree: () => {
        const tree = smallTree()
        delete at(tree, SYSTEM)['Boot']
        return tree
      },
      says: 'no boot override',
    },
    {
      name: 'a system that can not be forced off',
      tree: () => {
        const tree = smallTree()
        at(tree, SYSTEM)['Actions'] = {
          '#ComputerSystem.Reset': { target: '/x', 'ResetType@Redfish.AllowableValues': ['On'] },
        }
        return tree
      },
      says: 'can not be forced off',
    },
    { name: 'plain HTTP', tree: smallTree, says: 'in plain HTTP' },
  ])('warns of $name', async ({ tree, says }) => {
    expect((await survey(tree())).text).toContain(says)
  })

  test('is not stopped by a licence list that is not there', async () => {
    const { warnings } = await survey(capturedTree('lenovo-sr670v2-xcc-2.83'))
    expect(warnings.join()).not.toContain('licence')
  })

  test('warns of a clock that is far off, and of no other', async () => {
    const tree = smallTree()
    const now = Date.parse('2026-01-01T12:00:00Z')
    const shown = async (time: string) => {
      at(tree, '/redfish/v1/Managers/M')['DateTime'] = time
      return (await survey(tree, { now: () => now })).text
    }
    expect(await shown('2026-01-01T12:03:00Z')).not.toContain('clock')
    expect(await shown('2026-01-01T06:03:00-06:00')).not.toContain('clock')
    expect(await shown('2026-01-01T13:00:00Z')).toContain('off by 60 min')
    expect(await shown('2016-01-01T12:00:00Z')).toContain('off by 3653 days')
    expect(await shown('0000-00-00T00:00:00Z')).not.toContain('clock')
  })

  test('says nothing of a captured board that has all it needs but its clock and TLS', async () => {
    const { warnings } = await survey(capturedTree(SUPERMICRO))
    expect(warnings.map((warning) => warning.split(/[ .:]/, 3).join(' '))).toEqual([
      'The BMC is',
      "The controller's clock",
    ])
  })
})
