// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { Drive, drivesOf } from './drive.ts'
import { standard } from './manners.ts'
import type { Resource } from './wire.ts'

const empty = {
  '@odata.type': '#VirtualMedia.v1_4_0.VirtualMedia',
  Id: '1',
  MediaTypes: ['CD'],
  Inserted: false,
  Image: null,
  ImageName: null,
  ConnectedVia: 'NotConnected',
  Actions: { '#VirtualMedia.InsertMedia': { target: '/1/Actions/VirtualMedia.InsertMedia' } },
}
const image = 'http://10.0.0.1/media/t/abc/boot.iso'
const content = { image, writeProtected: true, userName: undefined }
const drive = (manners = {}) => new Drive('/1', empty, empty, { ...standard, ...manners })

test('an untouched drive shows what was captured, the object itself', () => {
  expect(drive().read()).toBe(empty)
})

describe('a filled drive', () => {
  test('shows the image and the name after its last slash, and can be ejected', () => {
    const filled = drive()
    filled.insert(content)
    expect(filled.read()).toMatchObject({
      Inserted: true,
      Image: image,
      ImageName: 'boot.iso',
      ConnectedVia: 'URI',
      Actions: {
        '#VirtualMedia.EjectMedia': { target: '/1/Actions/VirtualMedia.EjectMedia' },
        '#VirtualMedia.InsertMedia': { target: '/1/Actions/VirtualMedia.InsertMedia' },
      },
    })
  })

  test('shows a user name but never a password', () => {
    const filled = drive()
    filled.insert({ ...content, userName: 'none' })
    expect(filled.read()['UserName']).toBe('none')
    expect(filled.read()['Password']).toBeUndefined()
  })
})

describe('after the eject', () => {
  test('the drive shows what it showed before', () => {
    const used = drive()
    used.insert(content)
    used.eject()
    expect(used.read()).toEqual(empty)
    expect([used.occupied, used.image]).toEqual([false, undefined])
  })

  test('so many reads as its manner says are stale, and a new insert ends them', () => {
    const slow = drive({ staleReadsAfterEject: 2 })
    slow.insert(content)
    slow.eject()
    const inserted = [1, 2, 3].map(() => slow.read()['Inserted'])
    expect(inserted).toEqual([true, true, false])
    slow.insert(content)
    slow.eject()
    slow.insert({ ...content, image: 'http://10.0.0.1/b.iso' })
    expect(slow.read()['Image']).toBe('http://10.0.0.1/b.iso')
    // What is stale is the view: the drive itself is empty at once.
    slow.eject()
    expect(slow.occupied).toBe(false)
  })

  test('the image stays readable where that is the manner', () => {
    const keeping = drive({ imageStaysAfterEject: true })
    keeping.insert(content)
    keeping.eject()
    expect(keeping.read()).toMatchObject({
      Inserted: false,
      ConnectedVia: 'NotConnected',
      Image: image,
    })
  })
})

test('a drive that was captured with an image looks like its empty neighbour after the eject', () => {
  const filled = { ...empty, Id: '2', Inserted: true, Image: 'http://old/x', ConnectedVia: 'URI' }
  const resources = new Map<string, Resource>([
    ['/2', filled],
    ['/1', empty],
    ['/other', { '@odata.type': '#VirtualMediaCollection.VirtualMediaCollection', Id: 'x' }],
  ])
  const [second, first, ...others] = drivesOf(resources, standard)
  expect(others).toEqual([])
  expect([first?.occupied, second?.occupied, second?.image]).toEqual([false, true, undefined])
  second?.eject()
  expect(second?.read()).toEqual({ ...empty, Id: '2' })
})
