// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Fault } from '../../core/faults.ts'
import { KiB } from '../../core/units.ts'
import { MaintenanceBuild } from '../../schemas/maintenance-build.ts'
import type { Version } from '../../schemas/version.ts'
import type { IsoImage } from '../iso/index.ts'

const PATH = '/slipway.json'
const LONGEST = 64 * KiB

/** What an ISO says of its build: `damaged` when it says something that is not known here. */
export type BuildFound = MaintenanceBuild | 'none' | 'damaged'

/** Reads `/slipway.json`. */
export async function readBuild(image: IsoImage): Promise<BuildFound> {
  try {
    if (!(await image.find(PATH))) return 'none'
    const text = new TextDecoder().decode(await image.readFile(PATH, LONGEST))
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), MaintenanceBuild), text)
    return parsed.success ? parsed.output : 'damaged'
  } catch (error) {
    // Trees that we can not walk boot all the same; ours are none of them.
    if (error instanceof Fault) return 'none'
    throw error
  }
}

/** One build makes the executable and the ISO: this is the name of both. */
export const buildId = ({ version, commit }: Pick<Version, 'version' | 'commit'>): string => {
  const dirty = commit.endsWith('-dirty') ? '-dirty' : ''
  return `${version} (${commit.replace(/-dirty$/, '').slice(0, 12)}${dirty})`
}

/** Run from source, a program does not know what it was built from. */
const isKnown = ({ commit }: Pick<Version, 'commit'>) => /^[0-9a-f]{40}(-dirty)?$/.test(commit)

/** What to say of an ISO beside this appliance. */
export interface BuildVerdict {
  /** A build of ours, but not this one. */
  readonly isOther: boolean
  /** One sentence with the remedy; undefined when both are of one build. */
  readonly warning: string | undefined
}

export function judgeBuild(build: BuildFound, own: Version): BuildVerdict {
  const remedy = 'import the maintenance.iso that came with this executable'
  if (build === 'none') {
    const warning =
      'this is no maintenance ISO of Slipway: it does not claim its job, so that nothing is tried again once the machine has read it'
    return { isOther: false, warning }
  }
  if (build === 'damaged') {
    const warning = `${PATH} on the ISO is damaged, or of a later version: ${remedy}`
    return { isOther: true, warning }
  }
  if (build.version === own.version && build.commit === own.commit)
    return { isOther: false, warning: undefined }
  if (!isKnown(own)) {
    const warning = `the ISO is of the build ${buildId(build)}; this appliance runs from source, and whether they fit is not known`
    return { isOther: false, warning }
  }
  const warning = `the ISO is of the build ${buildId(build)}, this appliance of ${buildId(own)}: ${remedy}`
  return { isOther: true, warning }
}
