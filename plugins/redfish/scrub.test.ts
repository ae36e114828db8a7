// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { followed } from './capture.ts'
import { scrubbed } from './scrub.ts'

const SYSTEM = '/redfish/v1/Systems/1'
const scrub = (tree: Record<string, unknown>, names: readonly string[] = []) =>
  scrubbed(tree, { names, skuIsSerial: false })
const one = (resource: Record<string, unknown>, names?: readonly string[]) =>
  scrub({ [SYSTEM]: resource }, names)[SYSTEM] as Record<string, string>

describe('what is replaced', () => {
  test.each([
    { name: 'a serial', key: 'SerialNumber', value: 'J105958B', form: /^[A-Z]\d{6}[A-Z]$/ },
    {
      name: 'a service tag',
      key: 'ServiceTag',
      value: 'F54P1G3',
      form: /^[A-Z]\d\d[A-Z]\d[A-Z]\d$/,
    },
    { name: 'an OEM serial', key: 'BoardSerialNo', value: 'ab-12', form: /^[a-z]{2}-\d\d$/ },
    { name: 'a host', key: 'HostName', value: 'node-17', form: /^[a-z]{4}-\d\d$/ },
    { name: 'a word for a host', key: 'HostName', value: 'Systems', form: /^[A-Z][a-z]{6}$/ },
    { name: 'a person', key: 'ContactInfo', value: 'Jo Doe', form: /^[A-Z][a-z] [A-Z][a-z]{2}$/ },
    {
      name: 'a UUID',
      key: 'UUID',
      value: '6173ECEC-6EF5-11EE-834A-0A8FC3A58A71',
      form: /^[\dA-F]{8}(-[\dA-F]{4}){3}-[\dA-F]{12}$/,
    },
    { name: 'a MAC', key: 'MACAddress', value: 'b4:2e:99:ba:de:15', form: /^02(:[\da-f]{2}){5}$/ },
    { name: 'an address', key: 'Address', value: '10.20.30.40', form: /^192\.0\.2\.1$/ },
    { name: 'an IPv6 address', key: 'Address', value: 'fe80::b62e:99ff', form: /^2001:db8::1$/ },
    {
      name: 'an address in a text',
      key: 'Text',
      value: 'via 10.20.30.40:80',
      form: /^via 192\.0\.2\.1:80$/,
    },
    { name: 'a password', key: 'Password', value: 'hunter2', form: /^removed$/ },
    { name: 'a community', key: 'SNMPCommunity', value: 'public', form: /^removed$/ },
    {
      name: 'a certificate',
      key: 'Text',
      value: '-----BEGIN CERTIFICATE-----x',
      form: /^removed$/,
    },
  ])('$name keeps its form at most', ({ key, value, form }) => {
    const found = one({ [key]: value })[key] ?? ''
    expect(found).toMatch(form)
    expect(found).not.toBe(value)
  })

  test('a place, whatever it is called below', () => {
    const tree = {
      Location: { PostalAddress: { Street: 'Main St 7' }, Placement: { Rack: 'W-43' } },
    }
    const text = JSON.stringify(one(tree))
    expect(text).not.toContain('Main')
    expect(text).not.toContain('W-43')
  })

  test('names that stand in no property, wherever they are', () => {
    const text = JSON.stringify(
      one({ Description: 'of rackadmin7 at bmc17.example.net' }, [
        'rackadmin7',
        'bmc17.example.net',
      ]),
    )
    expect(text).not.toMatch(/rackadmin7|bmc17/)
  })
})

test.each([
  ['FirmwareVersion', '7.2.2.0'],
  ['BiosVersion', '2.10.2'],
  ['SubnetMask', '255.255.255.0'],
  ['Address', '0.0.0.0'],
  ['UUID', '00000000-0000-0000-0000-000000000000'],
  ['SerialNumber', 'To be filled by O.E.M.'],
  ['Model', 'ThinkSystem SR670 V2'],
  ['DateTime', '2024-08-02T17:12:53+00:00'],
  ['@odata.etag', 'W/"1650479789"'],
])('%s %s stays', (key, value) => {
  expect(one({ [key]: value })[key]).toBe(value)
})

test('the same name becomes the same, in paths, links, texts and other spellings', () => {
  const uuid = '6173ecec-6ef5-11ee-834a-0a8fc3a58a71'
  const path = '/redfish/v1/Chassis/FCH1234V0AB'
  const tree = scrub({
    [SYSTEM]: {
      ...{ SerialNumber: 'FCH1234V0AB', UUID: uuid, Name: 'XCC-FCH1234V0AB' },
      Links: { Chassis: [{ '@odata.id': path }] },
      ...{ MACAddress: 'B4:2E:99:BA:DE:15', DevicePath: 'PciRoot(0x0)/MAC(B42E99BADE15,0x1)' },
    },
    [path]: { '@odata.id': path, UUID: uuid.toUpperCase() },
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into resources as they come
  const system = tree[SYSTEM] as any
  const chassis = `/redfish/v1/Chassis/${system.SerialNumber}`
  expect(system.Links.Chassis).toEqual([{ '@odata.id': chassis }])
  expect(tree[chassis]).toEqual({ '@odata.id': chassis, UUID: system.UUID.toUpperCase() })
  expect(system.Name).toBe(`XCC-${system.SerialNumber}`)
  expect(system.DevicePath).toContain(system.MACAddress.replaceAll(':', ''))
})

test('a host that is called as a resource does not take its path with it', () => {
  const manager = '/redfish/v1/Managers/bmc'
  const tree = scrub({ [manager]: { '@odata.id': manager, HostName: 'bmc' } })
  expect(Object.keys(tree)).toEqual([manager])
  expect(tree[manager]).toMatchObject({ '@odata.id': manager })
  expect((tree[manager] as { HostName: string }).HostName).not.toBe('bmc')
})

test('another capture gives other names', () => {
  const resource = { SerialNumber: 'J105958B', MACAddress: 'b4:2e:99:ba:de:15' }
  expect(one(resource)).not.toEqual(one(resource))
})

test.each([
  ['/redfish/v1/Systems/1/', '/redfish/v1/Systems/1'],
  ['/redfish/v1/Chassis/1/Power#/PowerSupplies/0', '/redfish/v1/Chassis/1/Power'],
  ['/redfish/v1/Systems/1/LogServices/SEL', undefined],
  ['/redfish/v1/AccountService/Accounts/1', undefined],
  ['/redfish/v1/SessionService/Sessions', '/redfish/v1/SessionService/Sessions'],
  ['/redfish/v1/SessionService/Sessions/9', undefined],
  ['/redfish/v1/$metadata', undefined],
  ['/ui/login', undefined],
  ['https://elsewhere.example/redfish/v1', undefined],
])('the link %s leads to %p', (link, path) => {
  expect(followed(link)).toBe(path)
})
