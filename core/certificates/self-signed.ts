// SPDX-License-Identifier: AGPL-3.0-or-later
import { DAY } from '../units.ts'
import { identityOf, newKeys } from './identity.ts'
import { issueCertificate } from './issue.ts'
import { normalNames } from './names.ts'

/** What a self-signed certificate shall say. */
export interface SelfSignedRequest {
  /** DNS names and IP addresses; the first is the subject. */
  readonly names: readonly string[]
  /** From now on; below 0 makes one that has ended. */
  readonly days: number
  /** Unix ms; the real time unless given. */
  readonly at?: number
}

/** A certificate that vouches for itself, as controllers leave the factory with: key and certificate in PEM. */
export function selfSigned({ names, days, at = Date.now() }: SelfSignedRequest) {
  const normal = normalNames(names)
  const subject = normal[0]?.slice(0, 64) ?? 'self-signed'
  const { publicKey, privateKey } = newKeys()
  const notAfter = at + days * DAY
  const cert = issueCertificate({
    subject,
    publicKey,
    issuer: subject,
    issuerKey: privateKey,
    notBefore: new Date(Math.min(at, notAfter) - DAY),
    notAfter: new Date(notAfter),
    purpose: 'server',
    names: normal,
  })
  const { key, certificate } = identityOf(privateKey, cert)
  return { key, cert, fingerprint: certificate.fingerprint256 }
}
