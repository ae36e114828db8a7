// SPDX-License-Identifier: AGPL-3.0-or-later
import { isIP } from 'node:net'
import { join } from 'node:path'
import { DAY } from '../units.ts'
import {
  BACKDATED_MS,
  beginOf,
  endOf,
  issueUnder,
  LONGEST_COMMON_NAME,
  openAuthority,
} from './authority.ts'
import { fingerprint256, type Identity, keepIdentity, keptIdentity } from './identity.ts'
import { localNames, normalName, normalNames } from './names.ts'

/** From `notBefore` on: browsers and Apple's systems refuse server certificates of more than 398 days. */
const SERVER_DAYS = 397
/** With less left than this, a server certificate is remade. */
const RENEW_BELOW_MS = 30 * DAY

/** Where certificates lie and what they shall name. */
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
   * Remakes the server certificate when a name is missing on it or it ends soon or has not begun; the CA stays.
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
  const ca = await openAuthority(join(parts.dir, 'ca.pem'), now)
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

/** Ours, names everything, and lasts: unless the CA itself lets no new one last longer. */
function isGood(server: Identity, ca: Identity, names: readonly string[], at: number): boolean {
  const named = namesOf(server)
  const lasts = endOf(server) - at >= RENEW_BELOW_MS || endOf(server) >= endOf(ca)
  const ours = server.certificate.verify(ca.certificate.publicKey)
  // Made while the clock was ahead, it would be refused by everybody until then.
  const begun = beginOf(server) <= at
  return ours && begun && lasts && names.every((name) => named.has(name))
}

/** `DNS:localhost, IP Address:127.0.0.1`; checkHost() would not do: it takes no star and no underscore. */
const namesOf = ({ certificate }: Identity) =>
  new Set(
    (certificate.subjectAltName ?? '')
      .split(', ')
      .map((entry) => normalName(entry.replace(/^(DNS|IP Address):/, ''))),
  )
