// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Drive } from '../../core/jobs/bmc.ts'
import { dig, digText } from '../../core/jobs/dig.ts'
import type { ControllerActions, OemAnswer, OemClient } from '../../core/jobs/oem.ts'

/** A connection may fail at random with "try again" (2288H V5, iBMC 6.41: mammoth field notes). */
const MOST_TRIES = 3

/** Target of the OEM action; undefined for a drive that has none, or the standard's as well. */
async function targetAt(oem: OemClient, { uri }: Drive): Promise<string | undefined> {
  const { body } = await oem.get(uri)
  if (dig(body, 'Actions', '#VirtualMedia.InsertMedia') !== undefined) return undefined
  return digText(body, 'Oem', 'Huawei', 'Actions', '#VirtualMedia.VmmControl', 'target')
}

const isOccupied = ({ ok, messages }: OemAnswer) =>
  !ok && messages.some(({ id }) => /ConnectionOccupied$/.test(id))

const saysTryAgain = (error: unknown) =>
  error instanceof Error && /try(ing)? again|again later/i.test(error.message)

async function disconnect(oem: OemClient, target: string, what: string): Promise<void> {
  const answer = await oem.post(target, { VmmControlType: 'Disconnect' })
  await oem.finish(answer, 'eject', what)
}

/** 202 and a task, 12 to 15 s long when it goes well. */
async function connect(
  oem: OemClient,
  target: string,
  imageUrl: string,
  what: string,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    const answer = await oem.post(target, { VmmControlType: 'Connect', Image: imageUrl })
    if (isOccupied(answer) && tries < MOST_TRIES) {
      oem.note(
        'info',
        `The BMC ${oem.host} says that its virtual drive is taken: freeing it first.`,
      )
      await disconnect(oem, target, 'Freeing the drive')
      continue
    }
    try {
      return await oem.finish(answer, 'insert', what)
    } catch (error) {
      if (tries === MOST_TRIES || !saysTryAgain(error)) throw error
      oem.note('info', `${(error as Error).message} Doing so.`)
    }
  }
}

/** Drives with VmmControl instead of the standard's actions. */
export const vmmControl: ControllerActions = {
  async drives(oem, listed) {
    const own = listed.map(async (drive): Promise<readonly Drive[]> => {
      const target = await targetAt(oem, drive)
      // nfs, cifs and https only (VirtualMedia.ps1:184-192); http: FileTransferProtocolMismatch (field notes).
      return target === undefined ? [] : [{ ...drive, schemes: ['https'] }]
    })
    return (await Promise.all(own)).flat()
  },
  async insert({ oem, drive, imageUrl, standard }) {
    const target = await targetAt(oem, drive)
    if (target === undefined) return standard()
    await connect(oem, target, imageUrl, `Insert into drive ${drive.id}`)
  },
  async eject({ oem, drive, standard }) {
    const target = await targetAt(oem, drive)
    if (target === undefined) return standard()
    await disconnect(oem, target, `Eject from drive ${drive.id}`)
  },
}
