// SPDX-License-Identifier: AGPL-3.0-or-later
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { readPrivateFile, writePrivateFile } from '../private-file.ts'
import { certificateFaults } from './faults.ts'

/** A private key with its certificate, as they lie in one file: so neither is ever without the other. */
export interface Identity {
  /** PKCS#8, PEM. */
  readonly key: string
  /** PEM. */
  readonly cert: string
  readonly privateKey: KeyObject
  readonly certificate: X509Certificate
}

/** A fresh EC P-256 pair: small, quick, and known to every TLS 1.2 controller. */
export const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Puts a private key and a certificate in PEM together. */
export function identityOf(privateKey: KeyObject, cert: string): Identity {
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { key, cert, privateKey, certificate: new X509Certificate(cert) }
}

/** Writes key and certificate as one file, whole or not at all, for its owner only. */
export function keepIdentity(path: string, identity: Identity): Promise<void> {
  return writePrivateFile(path, identity.key + identity.cert)
}

/** The identity of a file, undefined when there is none. Throws `certificates.broken` for half a one. */
export async function keptIdentity(path: string, remedy: string): Promise<Identity | undefined> {
  const file = await readPrivateFile(path)
  if (!file) return undefined
  return parse(file.toString('latin1'), (cause) =>
    certificateFaults.broken(`${path} is no private key with its certificate: ${remedy}`, {
      cause,
    }),
  )
}

function parse(text: string, fault: (cause?: unknown) => Error): Identity {
  try {
    const privateKey = createPrivateKey(block(text, 'PRIVATE KEY'))
    const identity = identityOf(privateKey, block(text, 'CERTIFICATE'))
    if (identity.certificate.checkPrivateKey(privateKey)) return identity
  } catch (cause) {
    throw fault(cause)
  }
  throw fault()
}

function block(text: string, label: string): string {
  const found = new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0]
  if (found === undefined) throw new Error(`there is no whole ${label} block in it`)
  return `${found}\n`
}

/** SHA-256 of a certificate (PEM or DER) as 32 upper-case hex pairs with colons. */
export function fingerprint256(certificate: string | Uint8Array): string {
  return new X509Certificate(certificate).fingerprint256
}
