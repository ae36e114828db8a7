// SPDX-License-Identifier: AGPL-3.0-or-later
import { isIP } from 'node:net'
import { join } from 'node:path'
import { DAY } from '../units.ts'
import { certificateFaults } from './faults.ts'
import {
  fingerprint256,
  type Identity,
  identityOf,
  keepIdentity,
  keptIdentity,
  newKeys,
} from './identity.ts'
import { issueCertificate } from './issue.ts'
import { localNames, normalName, normalNames } from './names.ts'

/**
 * Certificates begin this long before they are made: clocks of BMCs and machines run behind, and a
 * certificate "of tomorrow" is refused. What is off by more (an empty CMOS battery) no margin cures.
 */
export const BACKDATED_MS = 7 * DAY
const CA_DAYS = 3_652
/** From `notBefore` on: browsers and Apple's systems refuse server certificates of more than 398 days. */
const SERVER_DAYS = 397
/** With less left than this, a server certificate is remade. */
const RENEW_BELOW_MS = 30 * DAY
const LONGEST_COMMON_NAME = 64

export interface CertificateParts {
  /** Where `ca.pem` and `server.pem` lie: key and certificate in one file each, 0600. */
  readonly dir: string
  /** Unix ms. */
  readonly now: () => number
  /** Names and addresses beside those that this box has by itself: configured ones, base-URL hosts. */
  readonly names: () => readonly string[]
  /** What this box is called by itself; its host name and interfaces unless a test says otherwise. */
  readonly ownNames?: () => readonly string[]
}

/** A key and a certificate for somebody else, with the CA that vouches for it; all PEM. */
export interface IssuedCertificate {
  readonly key: string
  readonly cert: string
  readonly ca: string
}

/** The appliance's own CA and its server certificate. */
export interface Certificates {
  readonly caPem: string
  /** SHA-256, 32 upper-case hex pairs with colons. */
  readonly caFingerprint: string
  /** Unix ms. Nothing can be issued from then on. */
  readonly caExpiresAt: number
  /** The server's private key and chain (its certificate, then the CA) of this moment, PEM. */
  readonly key: string
  readonly cert: string
  /** Unix ms. */
  readonly expiresAt: number
  /**
   * Remakes the server certificate when a name is missing on it or it ends soon; the CA stays.
   * To be called now and then, and when addresses change. True: listeners must take the new one.
   */
  renew(names?: readonly string[]): Promise<boolean>
  /** A client certificate for mutual TLS; `cn` is the job id, serial or user that it proves. */
  issueClient(cn: string, days: number): IssuedCertificate
}

/** Opens the CA and the server certificate, making what is not there. Throws when a file is broken. */
export async function createCertificates(parts: CertificateParts): Promise<Certificates> {
  const { now } = parts
  const serverFile = join(parts.dir, 'server.pem')
  const ca = await openCa(join(parts.dir, 'ca.pem'), now)
  let server = await keptIdentity(serverFile, 'remove it, and a new one is made at the next start')
  const wanted = (names = parts.names()) =>
    normalNames([...(parts.ownNames ?? localNames)(), ...names])

  const renew = async (names?: readonly string[]) => {
    const all = wanted(names)
    if (server && isGood(server, ca, all, now())) return false
    const next = issueServer(ca, all, now())
    await keepIdentity(serverFile, next)
    server = next
    return true
  }
  await renew()
  const current = () => {
    if (!server) throw new Error('there is no server certificate after renew()')
    return server
  }

  return {
    caPem: ca.cert,
    caFingerprint: fingerprint256(ca.cert),
    caExpiresAt: endOf(ca),
    get key() {
      return current().key
    },
    get cert() {
      return current().cert + ca.cert
    },
    get expiresAt() {
      return endOf(current())
    },
    renew,
    issueClient(cn, days) {
      const { key, cert } = issueUnder(ca, now(), { subject: cn, days, purpose: 'client' })
      return { key, cert, ca: ca.cert }
    },
  }
}

async function openCa(path: string, now: () => number): Promise<Identity> {
  const kept = await keptIdentity(
    path,
    'put back a copy; or remove it, and a new CA is made, which every client must then be given',
  )
  if (!kept) {
    const made = makeCa(now())
    await keepIdentity(path, made)
    return made
  }
  if (endOf(kept) > now()) return kept
  throw certificateFaults.expired(
    `the CA in ${path} ended on ${new Date(endOf(kept)).toISOString()}: check this box’s clock; if it is right, remove the file, and a new CA is made, which every client must then be given`,
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

function issueServer(ca: Identity, names: readonly string[], at: number): Identity {
  const subject = names.find((name) => !isIP(name) && name !== 'localhost') ?? 'slipway'
  const days = SERVER_DAYS - BACKDATED_MS / DAY
  return issueUnder(ca, at, {
    subject: subject.slice(0, LONGEST_COMMON_NAME),
    days,
    purpose: 'server',
    names,
  })
}

interface Leaf {
  readonly subject: string
  /** From now on; the end of the CA limits it. */
  readonly days: number
  readonly purpose: 'server' | 'client'
  readonly names?: readonly string[]
}

function issueUnder(ca: Identity, at: number, { days, ...leaf }: Leaf): Identity {
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

/** Ours, names everything, and lasts: unless the CA itself lets no new one last longer. */
function isGood(server: Identity, ca: Identity, names: readonly string[], at: number): boolean {
  const named = namesOf(server)
  const lasts = endOf(server) - at >= RENEW_BELOW_MS || endOf(server) >= endOf(ca)
  const ours = server.certificate.verify(ca.certificate.publicKey)
  return ours && lasts && names.every((name) => named.has(name))
}

/** `DNS:localhost, IP Address:127.0.0.1`; checkHost() would not do: it takes no star and no underscore. */
const namesOf = ({ certificate }: Identity) =>
  new Set(
    (certificate.subjectAltName ?? '')
      .split(', ')
      .map((entry) => normalName(entry.replace(/^(DNS|IP Address):/, ''))),
  )

const endOf = (identity: Identity) => identity.certificate.validToDate.getTime()

const commonNameOf = (identity: Identity) => identity.certificate.subject.replace(/^CN=/, '').trim()
