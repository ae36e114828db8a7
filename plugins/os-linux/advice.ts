// SPDX-License-Identifier: AGPL-3.0-or-later
import { kindOf } from '../../schemas/recipe-layout.ts'
import type { LinuxRecipe } from './recipe.ts'

/** First lines that cloud-init knows: "User data formats" of its documentation. */
const KNOWN_HEADS =
  /^(#cloud-config\b|#!|#include\b|#include-once\b|#cloud-config-archive\b|#cloud-boothook\b|#part-handler\b|## template: ?jinja|Content-Type: ?multipart\/|MIME-Version:)/i

/** A megabyte of dense YAML parses for 0.6 s, in which nobody else is served. */
const LONGEST_PARSED = 131_072

/** What a careful colleague would say of a recipe that is valid. None of it quotes user data. */
export function linuxAdvice(recipe: LinuxRecipe): string[] {
  return [...bootAdvice(recipe), ...userDataAdvice(recipe.user_data)]
}

function bootAdvice({ partition_layout }: LinuxRecipe): string[] {
  const kinds = partition_layout.map(kindOf)
  if (kinds.includes('efi') || kinds.includes('bios-boot')) return []
  return [
    'partition_layout has neither an EFI system partition (ef00, vfat) nor a BIOS boot partition (ef02): most firmware will not start the installed system',
  ]
}

function userDataAdvice(userData: LinuxRecipe['user_data']): string[] {
  if (typeof userData !== 'string' || userData === '') return []
  if (userData.startsWith('\ufeff')) {
    return ['user_data begins with a byte order mark: cloud-init will not know what it is']
  }
  if (!KNOWN_HEADS.test(userData)) {
    return [
      'user_data begins with none of the first lines that cloud-init knows (#cloud-config, #!, MIME …): it will be ignored',
    ]
  }
  if (!/^#cloud-config\s/i.test(userData) || userData.length > LONGEST_PARSED) return []
  try {
    Bun.YAML.parse(userData)
    return []
  } catch {
    // The parser's words may quote the text, and user data carries passwords.
    return [
      'user_data says #cloud-config but does not read as YAML: check it with `cloud-init schema`',
    ]
  }
}
