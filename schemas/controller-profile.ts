// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

function isPattern(source: string): boolean {
  try {
    new RegExp(source)
    return true
  } catch {
    return false
  }
}

const Text = v.pipe(v.string(), v.minLength(1, 'must not be empty'))
/** Source of a regular expression. */
const Pattern = v.pipe(Text, v.check(isPattern, 'is no regular expression'))
const Version = v.pipe(v.string(), v.regex(/^\d+(\.\d+)*$/, 'must be numbers and dots, as 6.00.02'))
const Scalars = v.record(v.string(), v.union([v.string(), v.boolean()]))

/** Rules of a profile, named as in core/jobs/controller.ts, where each is explained. */
export const ProfileRules = v.strictObject({
  insertBy: v.exactOptional(v.picklist(['action', 'patch'])),
  usableDrives: v.exactOptional(Pattern),
  bootDrives: v.exactOptional(v.array(Pattern)),
  insertWith: v.exactOptional(Scalars),
  insertWithout: v.exactOptional(v.array(Text)),
  bootTarget: v.exactOptional(Text),
  fullBootTriple: v.exactOptional(v.boolean()),
  schemes: v.exactOptional(v.array(v.picklist(['http', 'https']))),
  nextDrive: v.exactOptional(v.boolean()),
  unlinked: v.exactOptional(v.array(Text)),
  mediaRemedy: v.exactOptional(Text),
  twoImages: v.exactOptional(v.boolean()),
  skuIsSerial: v.exactOptional(v.boolean()),
  loginWith: v.exactOptional(v.record(v.string(), v.unknown())),
  advice: v.exactOptional(v.array(Text)),
  checks: v.exactOptional(
    v.array(
      v.strictObject({
        from: v.picklist(['system', 'manager']),
        path: v.array(Text),
        expect: Pattern,
        advice: Text,
      }),
    ),
  ),
})

/**
 * What a controller must say of itself; all that is given must hold. Patterns do not care for
 * upper and lower case.
 */
export const ProfileMatch = v.pipe(
  v.strictObject({
    vendor: v.exactOptional(Pattern),
    product: v.exactOptional(Pattern),
    systemManufacturer: v.exactOptional(Pattern),
    systemModel: v.exactOptional(Pattern),
    managerModel: v.exactOptional(Pattern),
    managerFirmware: v.exactOptional(Pattern),
    /** Any key of the `Oem` objects of service root, system and manager. */
    oem: v.exactOptional(Pattern),
    /** The first dotted number in the manager's firmware is this or newer. */
    firmwareFrom: v.exactOptional(Version),
    firmwareBelow: v.exactOptional(Version),
  }),
  v.check((match) => Object.keys(match).length > 0, 'must name at least one thing to match'),
)
export type ProfileMatch = v.InferOutput<typeof ProfileMatch>

/** A file of `[redfish] profiles`: how one family of controllers departs from the standard. */
export const ProfileFile = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'must be in kebab case, as my-bmc')),
  /** Models and firmware, for people. */
  covers: v.exactOptional(v.string(), ''),
  /** Where the rules come from: issue, document, capture. */
  sources: v.exactOptional(v.array(Text), []),
  /** One of them must hold. */
  match: v.pipe(v.array(ProfileMatch), v.minLength(1, 'must hold at least one match')),
  rules: ProfileRules,
})
export type ProfileFile = v.InferOutput<typeof ProfileFile>
