// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manners } from './manners.ts'
import { Refusal } from './refusal.ts'
import { isResource, part, type Resource, text, texts } from './wire.ts'

/** Members of the system's `Boot`, with Redfish's own values. */
export interface Override {
  readonly enabled: string
  readonly target: string
  readonly mode: string
}

const ENABLED = 'BootSourceOverrideEnabled'
const TARGET = 'BootSourceOverrideTarget'
const MODE = 'BootSourceOverrideMode'
const ENABLED_VALUES = ['Disabled', 'Once', 'Continuous']
const MODES = ['Legacy', 'UEFI']

/** The override as the captured system had it. */
export function capturedOverride(system: Resource): Override {
  const boot = part(system, 'Boot')
  return { enabled: text(boot, ENABLED), target: text(boot, TARGET), mode: text(boot, MODE) }
}

/** The system's Boot object with the present override in it. */
export function showOverride(system: Resource, override: Override, manners: Manners): Resource {
  const boot = part(system, 'Boot')
  // Cray's nodes have boot options and no override.
  if (!(ENABLED in boot)) return boot
  return {
    ...boot,
    [ENABLED]: manners.overrideStays ?? override.enabled,
    [TARGET]: override.target,
    // GB200 shows no mode.
    ...((MODE in boot || override.mode !== '') && { [MODE]: override.mode }),
  }
}

/** Disabled; what becomes of the target is a matter of manners. */
export function disabled(override: Override, manners: Manners): Override {
  const target = manners.targetStaysWhenDisabled ? override.target : 'None'
  return { ...override, enabled: 'Disabled', target }
}

/** The override after a PATCH of `Boot`. Members are taken in their order; throws a Refusal. */
export function patchOverride(
  system: Resource,
  before: Override,
  change: unknown,
  manners: Manners,
): Override {
  if (!isResource(change)) throw new Refusal('propertyValue', [String(change), 'Boot'])
  const targets = texts(part(system, 'Boot'), `${TARGET}@Redfish.AllowableValues`) ?? []
  const lacking = manners.bootNeedsAll && [ENABLED, TARGET, MODE].find((name) => !(name in change))
  if (lacking) throw new Refusal('propertyMissing', [lacking])
  let after = before
  for (const [name, value] of Object.entries(change)) {
    if (name === ENABLED) {
      after = setEnabled(after, allowed(ENABLED_VALUES, value, name), manners)
    } else if (name === TARGET) {
      const target = allowed(targets, value, name)
      if (target === 'None' && manners.refusesTargetNone) {
        throw new Refusal('propertyValue', [target, name])
      }
      after = { ...after, target }
    } else if (name === MODE) {
      after = { ...after, mode: allowed(MODES, value, name) }
    } else {
      const known = Object.hasOwn(part(system, 'Boot'), name)
      throw new Refusal(known ? 'propertyReadOnly' : 'propertyUnknown', [name])
    }
  }
  return after
}

function setEnabled(override: Override, enabled: string, manners: Manners): Override {
  if (enabled === 'Disabled') return disabled(override, manners)
  if (manners.targetBeforeEnabled && override.target === 'None') {
    throw new Refusal('targetFirst', [ENABLED, TARGET])
  }
  return { ...override, enabled }
}

function allowed(values: readonly string[], value: unknown, name: string): string {
  if (typeof value === 'string' && values.includes(value)) return value
  throw new Refusal('propertyValue', [String(value), name])
}
