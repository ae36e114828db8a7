// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OemDesk, OemEndpoint } from './oem.ts'
import { Refusal } from './refusal.ts'
import { type Answer, type Resource, text } from './wire.ts'

const KNOWN = ['Image', 'Inserted', 'WriteProtected', 'UserName', 'Password']

/** "PATCH {Image, Inserted:true, WriteProtected, UserName?, Password?}": redfish.md 1.4 (gofish #529). */
async function patchDrive(desk: OemDesk, path: string, body: Resource): Promise<Answer> {
  const drive = desk.drive(path)
  const other = Object.keys(body).find((name) => !KNOWN.includes(name))
  if (other !== undefined) throw new Refusal('propertyUnknown', [other])
  if (body['Image'] === null || body['Inserted'] === false) {
    desk.eject(drive)
  } else {
    // "`Inserted` is mandatory in the PATCH": redfish.md 1.4 (sushy comment, SD530).
    if (body['Inserted'] !== true) throw new Refusal('propertyMissing', ['Inserted'])
    await desk.insert(drive, text(body, 'Image'))
  }
  return { status: 200, body: desk.present(path) }
}

/** A drive that takes and gives images by PATCH of its resource. */
export const driveByPatch = (path: string): OemEndpoint => ({
  ...{ method: 'PATCH', path },
  handle: (desk, body) => patchDrive(desk, path, body),
})
