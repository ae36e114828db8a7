// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Drive, MediaPlan, Scheme } from '../../core/jobs/bmc.ts'
import type { ControllerProfile, ControllerRules } from '../../core/jobs/controller.ts'
import type { VirtualDrive } from './drives.ts'
import { redfishFaults } from './faults.ts'

/** Everything that decides about the media plan. */
export interface PlanParts {
  readonly host: string
  readonly drives: readonly VirtualDrive[]
  readonly profile: ControllerProfile
  /** AllowableValues of the boot target; undefined when the controller does not say. */
  readonly bootTargets: readonly string[] | undefined
  /** What the machine's row asks for. */
  readonly wanted: MediaPlan['name'] | undefined
  /** Drives that refused an image in this session, where the profile passes over them. */
  readonly refusing?: ReadonlySet<string>
}

const isCd = ({ mediaTypes }: Drive) =>
  // Gigabyte H262 (AMI 12.84) gives its CD1 no MediaTypes at all.
  mediaTypes.length === 0 || mediaTypes.includes('CD') || mediaTypes.includes('DVD')
const isUsb = ({ mediaTypes }: Drive) => mediaTypes.includes('USBStick')

/** Why a drive can not take an image of ours; undefined when it can. */
function uselessBecause(
  { drive, insertTarget, patchable, byOem }: VirtualDrive,
  rules: ControllerRules,
) {
  const usable = rules.usableDrives === undefined ? undefined : new RegExp(rules.usableDrives)
  if (usable && !usable.test(drive.id) && !usable.test(drive.uri))
    return 'is not usable by the profile'
  const byPatch = patchable || rules.insertBy === 'patch'
  if (!insertTarget && !byPatch && !byOem) return 'has no InsertMedia and takes no PATCH'
  if (drive.schemes.length === 0) return 'fetches neither http nor https'
  return undefined
}

function describe(virtual: VirtualDrive, rules: ControllerRules): string {
  const { drive } = virtual
  const because = uselessBecause(virtual, rules)
  return `${drive.uri} [${drive.mediaTypes.join(', ')}]${because ? `, which ${because}` : ''}`
}

/**
 * Views of the same hardware stand under system and managers: a plan never mixes them. Collections
 * list their members in any order (iDRAC and GB200 the second first): the lowest id goes first.
 */
function viewsOf(drives: readonly Drive[]): readonly (readonly Drive[])[] {
  const parent = ({ uri }: Drive) => uri.replace(/\/[^/]+\/?$/, '')
  const byId = (a: Drive, b: Drive) => a.id.localeCompare(b.id, 'en', { numeric: true })
  return [...Map.groupBy(drives, parent).values()].map((view) => view.toSorted(byId))
}

/** The drives that could boot, best first. */
function bootable(view: readonly Drive[], rules: ControllerRules): readonly Drive[] {
  const cds = view.filter(isCd)
  if (!rules.bootDrives) return cds
  return rules.bootDrives.flatMap((pattern) => cds.filter(({ id }) => new RegExp(pattern).test(id)))
}

/** Two drives that go together. */
interface Pair {
  readonly name: 'two-cd' | 'cd-usb'
  readonly boot: Drive
  readonly task: Drive
  readonly scheme: Scheme
}

/** The first pair of one view: the best drive to boot from, and the next that fits beside it. */
function pairIn(view: readonly Drive[], rules: ControllerRules, name: Pair['name']) {
  const fits = name === 'two-cd' ? isCd : (drive: Drive) => isUsb(drive) && !isCd(drive)
  for (const boot of bootable(view, rules)) {
    for (const task of view) {
      if (task === boot || !fits(task)) continue
      const scheme = boot.schemes.find((one) => task.schemes.includes(one))
      if (scheme) return { name, boot, task, scheme }
    }
  }
  return undefined
}

/** Two CDs in any view go before a CD and a stick: nothing needs to know that the second is a stick. */
function choosePair(drives: readonly Drive[], parts: PlanParts): Pair | undefined {
  const names = (['two-cd', 'cd-usb'] as const).filter(
    (name) => parts.wanted === undefined || parts.wanted === name,
  )
  const { rules } = parts.profile
  for (const name of names) {
    for (const view of viewsOf(drives)) {
      const pair = pairIn(view, rules, name)
      if (pair) return pair
    }
  }
  return undefined
}

/** Where one image goes that is both: the best drive to boot from, in the first view that has one. */
function chooseOne(drives: readonly Drive[], { rules }: ControllerProfile): Drive | undefined {
  return viewsOf(drives).flatMap((view) => bootable(view, rules))[0]
}

/** The profile's target first; both of the standard's after it. */
function bootTargetOf(parts: PlanParts): string | undefined {
  const preferred = [parts.profile.rules.bootTarget, 'Cd', 'UsbCd'].filter(
    (one) => one !== undefined,
  )
  const { bootTargets } = parts
  return bootTargets ? preferred.find((one) => bootTargets.includes(one)) : preferred[0]
}

/** Why two images can not be in, in the order in which a person would look for it. */
function whyNotTwo({ profile, wanted }: PlanParts, useful: readonly Drive[]): string {
  if (wanted === 'one') return 'the machine asks for one image'
  if (profile.rules.twoImages === false)
    return `profile ${profile.name} says that only one image can be in at a time`
  if (wanted) return `the machine asks for plan ${wanted}, which these drives do not allow`
  if (useful.length < 2) return 'only one drive takes images'
  return 'no two drives fit: one must be a CD or DVD that boots, both must fetch by the same scheme'
}

type Choice = Pick<MediaPlan, 'name' | 'drives' | 'scheme' | 'why'>

function twoImages({ name, boot, task, scheme }: Pair, { profile }: PlanParts): Choice {
  const kind = name === 'two-cd' ? 'second CD' : 'USB stick'
  return {
    ...{ name, scheme, drives: { boot: boot.uri, task: task.uri } },
    why: `profile ${profile.name}: drive ${boot.id} boots, drive ${task.id} takes the task image as a ${kind}, both over ${scheme}`,
  }
}

/** One image for both, taken on request and where two do not go. */
function oneImage(useful: readonly Drive[], parts: PlanParts): Choice | undefined {
  const { profile, wanted } = parts
  const boot = wanted === undefined || wanted === 'one' ? chooseOne(useful, profile) : undefined
  const scheme = boot?.schemes[0]
  if (!boot || !scheme) return undefined
  return {
    ...{ name: 'one', scheme, drives: { boot: boot.uri } },
    why: `${whyNotTwo(parts, useful)}; profile ${profile.name}: drive ${boot.id} boots one image that carries the task too, over ${scheme}`,
  }
}

/** What helps where a profile knows no better. */
const REMEDY =
  'Look whether virtual media are switched on and licensed there; a controller without any can not be used.'

/** The drives without what they do not fetch, whatever they leave open. */
function narrowed({ drives, profile, refusing }: PlanParts): readonly VirtualDrive[] {
  const { schemes } = profile.rules
  return drives
    .filter(({ drive }) => !refusing?.has(drive.uri))
    .map((virtual) => {
      if (!schemes) return virtual
      const left = virtual.drive.schemes.filter((scheme) => schemes.includes(scheme))
      return { ...virtual, drive: { ...virtual.drive, schemes: left } }
    })
}

/** Where the images go. Pure. Throws `redfish.no-media`, naming the drives found and what they lack. */
export function planMedia(parts: PlanParts): MediaPlan {
  const { host, profile } = parts
  const drives = narrowed(parts)
  const useful = drives
    .filter((virtual) => uselessBecause(virtual, profile.rules) === undefined)
    .map(({ drive }) => drive)
  const bootTarget = bootTargetOf(parts)
  const pair = profile.rules.twoImages === false ? undefined : choosePair(useful, parts)
  const choice = pair ? twoImages(pair, parts) : oneImage(useful, parts)
  if (!choice) {
    const found = drives.map((virtual) => describe(virtual, profile.rules)).join('; ')
    const why =
      useful.length > 0 && parts.wanted !== undefined && parts.wanted !== 'one'
        ? whyNotTwo(parts, useful)
        : 'none of its drives is a CD or DVD that boots an image of ours'
    throw redfishFaults.noMedia(
      `The BMC ${host} can not take our images: ${why}. Virtual drives found: ${found || 'none'}. ${profile.rules.mediaRemedy ?? REMEDY}`,
    )
  }
  if (!bootTarget)
    throw redfishFaults.noMedia(
      `The BMC ${host} can not boot once from a virtual CD: it allows only ${parts.bootTargets?.join(', ') || 'nothing'}.`,
    )
  return { ...choice, bootTarget }
}
