// SPDX-License-Identifier: AGPL-3.0-or-later

const CENSOR = '[…]'

/**
 * A media URL's path token opens the task ISO, which carries secrets. iRMC is told server and path
 * apart, the path without a slash before it.
 */
const MEDIA_TOKEN = /(\bmedia\/t\/)[^/\s"”]+/g

/** Takes secrets out of what goes into logs, notes and faults. More may be added later. */
export interface Redactor {
  hide(secret: string): void
  clean(text: string): string
}

export function createRedactor(...known: readonly string[]): Redactor {
  /** Longest first: one secret may be part of another. */
  let secrets: readonly string[] = []
  const hide = (secret: string) => {
    // One or two letters are in every sentence.
    if (secret.length < 3) return
    const spellings = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]
    secrets = [...new Set([...secrets, ...spellings])].sort((a, b) => b.length - a.length)
  }
  for (const secret of known) hide(secret)
  return {
    hide,
    clean(text) {
      let clean = text.replace(MEDIA_TOKEN, `$1${CENSOR}`)
      for (const secret of secrets) clean = clean.replaceAll(secret, CENSOR)
      return clean
    },
  }
}
