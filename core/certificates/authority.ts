// SPDX-License-Identifier: AGPL-3.0-or-later
import { DAY } from '../units.ts'
import { certificateFaults } from './faults.ts'
import { type Identity, identityOf, keepIdentity, keptIdentity, newKeys } from './identity.ts'
import { issueCertificate } from './issue.ts'

/**
 * Certificates begin this long before they are made: clocks of BMCs and machines run behind, and a
 * certificate "of tomorrow" is refused. What is off by more (an empty CMOS battery) no margin cures.
 */
export const BACKDATED_MS = 7 * DAY
const CA_DAYS = 3_652
/** RFC 5280 appendix A.1, ub-common-name. */
export const LONGEST_COMMON_NAME = 64

const REMEDY =
  'put back a copy; or remove it, and a new CA is made, which every client must then be given'

/** The CA of `path`, made when there is none. Throws when it is broken or not valid now. */
export async function openAuthority(path: string, now: () => number): Promise<Identity> {
  const kept = await keptIdentity(path, REMEDY)
  if (kept) return checked(kept, path, now())
  const made = makeCa(now())
  await keepIdentity(path, made)
  return made
}

function checked(ca: Identity, path: string, at: number): Identity {
  // We write the issuer's name from its CN alone: another CA's longer name would not match.
  if (!ca.certificate.ca || !/^CN=.+$/.test(ca.certificate.subject)) {
    throw certificateFaults.broken(`${path} holds no CA that we made: ${REMEDY}`)
  }
  if (beginOf(ca) <= at && at < endOf(ca)) return ca
  const [from, to] = [beginOf(ca), endOf(ca)].map((ms) => new Date(ms).toISOString().slice(0, 10))
  throw certificateFaults.notNow(
    `the CA in ${path} is valid from ${from} to ${to}, not on this box’s date: correct the clock; if it is right, remove the file, and a new CA is made, which every client must then be given`,
  )
}

function makeCa(at: number): Identity {
  const { publicKey, privateKey } = newKeys()
  const subject = `Slipway CA ${Bun.randomUUIDv7().slice(-8)}`
  const cert = issueCertificate({
    subject,
    publicKey,
    issuer: subject,
    issuerKey: privateKey,
    notBefore: new Date(at - BACKDATED_MS),
    notAfter: new Date(at + CA_DAYS * DAY),
    purpose: 'ca',
  })
  return identityOf(privateKey, cert)
}

/** A certificate to be issued. */
export interface Leaf {
  readonly subject: string
  /** From now on; the end of the CA limits it. */
  readonly days: number
  readonly purpose: 'server' | 'client'
  readonly names?: readonly string[]
}

/** Fresh keys with a certificate under `ca`, which limits how long it lasts. */
export function issueUnder(ca: Identity, at: number, { days, ...leaf }: Leaf): Identity {
  if (leaf.subject.length === 0 || leaf.subject.length > LONGEST_COMMON_NAME) {
    throw certificateFaults.name(
      `the name of a certificate has 1 to ${LONGEST_COMMON_NAME} characters, not ${leaf.subject.length}`,
    )
  }
  const { publicKey, privateKey } = newKeys()
  const cert = issueCertificate({
    ...leaf,
    publicKey,
    issuer: commonNameOf(ca),
    issuerKey: ca.privateKey,
    notBefore: new Date(at - BACKDATED_MS),
    notAfter: new Date(Math.min(at + days * DAY, endOf(ca))),
  })
  return identityOf(privateKey, cert)
}

/** When its certificate begins, Unix ms. */
export const beginOf = (identity: Identity) => identity.certificate.validFromDate.getTime()

/** When its certificate ends, Unix ms. */
export const endOf = (identity: Identity) => identity.certificate.validToDate.getTime()

const commonNameOf = (identity: Identity) => identity.certificate.subject.replace(/^CN=/, '').trim()
