// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerRules, ProfileFacts } from '../jobs/controller.ts'

/** Verbs in words. */
const VERBS: Readonly<Record<string, string>> = {
  drives: 'the list of drives',
  insert: 'insert',
  eject: 'eject',
  bootOnce: 'the boot override',
  clearBoot: 'clearing the override',
}

/** Rules that change what is sent or chosen, each in a few words; advice and checks are warnings. */
const WORDS: readonly ((rules: ControllerRules) => string | false | undefined)[] = [
  ({ bootTarget }) => bootTarget && `boot target ${bootTarget}`,
  ({ twoImages }) => twoImages === false && 'one image at a time',
  ({ usableDrives }) => usableDrives && `only drives that match ${usableDrives} are used`,
  ({ bootDrives }) => bootDrives && `boots from drives that match ${bootDrives.join(', then ')}`,
  ({ schemes }) => schemes && `images over ${schemes.join(' or ')} only`,
  ({ insertBy }) => insertBy === 'patch' && 'images are inserted by PATCH',
  ({ insertWith }) => insertWith && `inserts carry ${Object.keys(insertWith).join(', ')}`,
  ({ insertWithout }) => insertWithout && `inserts never carry ${insertWithout.join(', ')}`,
  ({ nextDrive }) => nextDrive && 'a drive that refuses an image is passed over',
  ({ fullBootTriple }) => fullBootTriple && 'mode, target and enabled are sent together',
  ({ skuIsSerial }) => skuIsSerial && 'SKU is the serial',
  ({ loginWith }) => loginWith && `the login carries ${Object.keys(loginWith).join(', ')}`,
]

/** What a profile does otherwise than the standard, for people. */
export function profileChanges({ rules, oem = [] }: ProfileFacts): readonly string[] {
  const verbs = oem.map((verb) => VERBS[verb] ?? verb).join(', ')
  const changes = WORDS.map((say) => say(rules)).filter((words) => typeof words === 'string')
  return [...changes, ...(verbs ? [`the family’s own way of ${verbs}`] : [])]
}
